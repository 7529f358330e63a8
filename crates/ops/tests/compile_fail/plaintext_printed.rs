use keystead_types::Plaintext;

fn main() {
    println!("{}", Plaintext::new(vec![1]));
}
