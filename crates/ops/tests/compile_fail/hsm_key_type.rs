use keystead_hsm::arena::KeyMaterial;

fn main() {}
