use keystead_api::OperationName;

macro_rules! served { ($name:ident) => { true }; }

fn is_served(operation: OperationName) -> bool {
    // The macro that makes the match knows every operation; a match by hand must too.
    let _all = keystead_api::for_each_operation!(operation, served, served);
    match operation {
        OperationName::Encrypt => true,
    }
}

fn main() {}
