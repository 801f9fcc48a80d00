//! Samples of whole tables: scales, split, order, memory and file.

use std::ops::ControlFlow;
use std::path::Path;

use super::*;

#[test]
fn classes_split_and_scales() {
    let table = read(numbers(99), &options("class")).unwrap();
    assert_eq!(table.task(), Task::Classification);
    assert_eq!(table.encoding().class_names(), ["a", "b", "c"]);
    let (training, held_out) = (rows(table.training(0).unwrap()), rows(table.held_out().unwrap()));
    assert_eq!((training.len(), held_out.len()), (79, 20));
    let of_class =
        |rows: &[Vec<f32>], class: usize| rows.iter().filter(|r| r[2 + class] == 1.0).count();
    for class in 0..3 {
        assert!((6..=7).contains(&of_class(&held_out, class)));
    }
    for row in training.iter().chain(&held_out) {
        assert_eq!(row.len(), 5);
        assert_eq!(row[2..].iter().sum::<f32>(), 1.0);
    }
    for column in 0..2 {
        let mean = training.iter().map(|row| f64::from(row[column])).sum::<f64>() / 79.0;
        let square = training.iter().map(|row| f64::from(row[column]).powi(2)).sum::<f64>() / 79.0;
        assert!(mean.abs() < 1e-6 && (square - 1.0).abs() < 1e-6, "{mean} {square}");
    }
}

#[test]
fn scales_come_from_the_training_rows_alone() {
    let mut options = options("y");
    options.held_out = 0.5;
    let text = |held: f64| {
        // The split depends on the number of rows only, so rows of the held-out side can be found.
        let probe: String = (0..40).map(|i| format!("{i},{i}.5\n")).collect();
        let table = read(format!("x,y\n{probe}"), &options).unwrap();
        let scale = table.encoding().input_scales()[0];
        let side: Vec<i32> = rows(table.held_out().unwrap())
            .iter()
            .map(|row| scale.undo(row[0]).round() as i32)
            .collect();
        let body: String =
            (0..40)
                .map(|i| {
                    if side.contains(&i) {
                        format!("{held},{i}.5\n")
                    } else {
                        format!("{i},{i}.5\n")
                    }
                })
                .collect();
        format!("x,y\n{body}")
    };
    let near = read(text(1.0), &options).unwrap();
    let far = read(text(1e6), &options).unwrap();
    assert_eq!(near.encoding(), far.encoding());
    assert_eq!(rows(near.training(3).unwrap()), rows(far.training(3).unwrap()));
    assert_ne!(rows(near.held_out().unwrap()), rows(far.held_out().unwrap()));
}

#[test]
fn the_seed_decides_split_and_order() {
    let text = numbers(60);
    let held = |seed| {
        let options = Options { seed, ..options("class") };
        let table = read(&text, &options).unwrap();
        (rows(table.held_out().unwrap()), rows(table.training(1).unwrap()))
    };
    assert_eq!(held(4), held(4));
    assert_ne!(held(4).0, held(5).0);
    let table = read(&text, &options("class")).unwrap();
    let (mut first, mut second) =
        (rows(table.training(0).unwrap()), rows(table.training(1).unwrap()));
    assert_ne!(first, second);
    first.sort_by(|a, b| a.partial_cmp(b).unwrap());
    second.sort_by(|a, b| a.partial_cmp(b).unwrap());
    assert_eq!(first, second);
}

#[test]
fn memory_and_file_give_the_same_samples() {
    let text = numbers(200);
    let held = read(&text, &options("class")).unwrap();
    let streamed = read(&text, &Options { memory: 0, ..options("class") }).unwrap();
    assert!(held.summary().in_memory && !streamed.summary().in_memory);
    assert_eq!(rows(held.held_out().unwrap()), rows(streamed.held_out().unwrap()));
    let mut sorted = [&held, &streamed].map(|table| rows(table.training(7).unwrap()));
    assert_eq!(rows(streamed.training(0).unwrap()), sorted[1]);
    sorted.iter_mut().for_each(|rows| rows.sort_by(|a, b| a.partial_cmp(b).unwrap()));
    assert_eq!(sorted[0], sorted[1]);
}

#[test]
fn fill_and_skip() {
    for memory in [0, 1 << 20] {
        let table = read(numbers(50), &Options { memory, ..options("class") }).unwrap();
        let all = rows(table.training(2).unwrap());
        let mut samples = table.training(2).unwrap();
        assert_eq!(samples.count(), 40);
        samples.skip(7).unwrap();
        let (mut inputs, mut targets) = ([0.0; 2 * 16], [0.0; 3 * 16 + 2]);
        let mut at = 7;
        for expected in [16, 16, 1, 0, 0] {
            assert_eq!(samples.fill(&mut inputs, &mut targets).unwrap(), expected);
            for (row, (x, y)) in
                all[at..].iter().zip(inputs.chunks(2).zip(targets.chunks(3))).take(expected)
            {
                assert_eq!((&row[..2], &row[2..]), (x, y));
            }
            at += expected;
        }
        let mut samples = table.training(2).unwrap();
        samples.skip(u64::MAX).unwrap();
        assert_eq!(samples.read().unwrap(), None);
    }
}

#[test]
fn regression_of_several_targets() {
    let text: String =
        (0..30).map(|i| format!("{i}.5;{};{},25\n", i * 3, i * i).replace(".5", ",5")).collect();
    let table =
        read(&text, &Options { targets: vec!["3".into(), "2".into()], ..options("3") }).unwrap();
    assert_eq!(table.task(), Task::Regression);
    assert_eq!(table.encoding().target_names(), ["c3", "c2"]);
    let layout = table.summary().layout;
    assert_eq!((layout.separator, layout.decimal_comma, layout.header), (b';', true, false));
    let [x, scales] = [table.encoding().input_scales(), table.encoding().target_scales()];
    for row in rows(table.training(0).unwrap()) {
        let i = x[0].undo(row[0]) - 0.5;
        assert!((scales[0].undo(row[1]) - (i * i + 0.25)).abs() < 1e-3);
        assert!((scales[1].undo(row[2]) - i * 3.0).abs() < 1e-4);
    }
}

#[test]
fn gzip_is_read_as_the_text_it_holds() {
    let text = numbers(60);
    let plain = read(&text, &options("class")).unwrap();
    let packed = read(gzip(text.as_bytes()), &options("class")).unwrap();
    assert_eq!(plain.summary(), packed.summary());
    assert_eq!(rows(plain.training(0).unwrap()), rows(packed.training(0).unwrap()));
}

#[test]
fn a_pipe_is_a_source() {
    let source = Source::open(Path::new("/dev/null")).unwrap();
    assert!(matches!(Table::read(&source, &options("1")).unwrap_err().fault(), Fault::Empty));
}

#[test]
fn reading_is_watched_and_stopped() {
    let source = Source::spool("t.csv", numbers(5000).as_bytes()).unwrap();
    let mut passes = Vec::new();
    let mut watch = |progress: Progress| {
        assert!(progress.bytes <= progress.of);
        passes.push(progress.pass);
        ControlFlow::Continue(())
    };
    Table::read_watched(&source, &options("class"), &mut watch).unwrap();
    passes.dedup();
    assert_eq!(passes, ["looking", "measuring", "loading"]);
    let stopped = Table::read_watched(&source, &options("class"), &mut |_| ControlFlow::Break(()));
    assert!(matches!(stopped.unwrap_err().fault(), Fault::Stopped));
}

#[test]
fn a_sorted_file_that_streams_is_noted() {
    let sorted: String = (0..90).map(|i| format!("{},k{}\n", i % 7, i / 30)).collect();
    let mixed: String = (0..90).map(|i| format!("{},k{}\n", i % 7, i % 3)).collect();
    for (text, memory, words) in [
        (&sorted, 0, "shuffle the file first"),
        (&mixed, 0, "every epoch reads the file"),
        (&sorted, 1 << 20, ""),
    ] {
        let table = read(text, &Options { memory, ..options("2") }).unwrap();
        let notes = table.summary().notes.join(" ");
        assert!(notes.contains(words) && notes.is_empty() == words.is_empty(), "{notes}");
    }
}
