use keystead_types::Plaintext;

fn main() {
    let _leak = Plaintext::new(vec![1]) == Plaintext::new(vec![1]);
}
