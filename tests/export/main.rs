//! Answers samples from standard input with the model that the first argument numbers.

use std::io::{Read, Write, stdin, stdout};

macro_rules! answer {
    ($model:path) => {{
        use $model as model;
        let mut sample = [0; 4 * model::INPUTS];
        let mut answers = Vec::new();
        while stdin().lock().read_exact(&mut sample).is_ok() {
            let number = |at| f32::from_le_bytes(std::array::from_fn(|byte| sample[4 * at + byte]));
            let numbers = model::predict(&std::array::from_fn(number));
            answers.extend(numbers.into_iter().flat_map(f32::to_le_bytes));
        }
        stdout().lock().write_all(&answers).unwrap();
    }};
}

fn main() {
    let number: usize = std::env::args().nth(1).unwrap().parse().unwrap();
    match number {
/* arms */
        _ => panic!("there is no model {number}"),
    }
}
