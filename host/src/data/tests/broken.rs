//! Tables with a fault: the message names the place.

use std::io::Write;

use super::*;

#[test]
fn faults_name_file_line_and_column() {
    let mut letters = numbers(60);
    letters.push_str("7,oops,a\n");
    let ids: String = (0..1100).map(|i| format!("id{i},{i}.5\n")).collect();
    for (text, target, message) in [
        ("", "y", "t.csv: the file is empty"),
        ("\n\n  \n", "y", "t.csv: the file is empty"),
        ("x,y\n", "y", "t.csv: there is a header and no row of data below it"),
        ("x,y\n1,2\n\n1,2,3\n", "y", "t.csv, line 4: 3 cells where the first row has 2"),
        (
            &letters,
            "class",
            "t.csv, line 62, column 2 (y): text in a column of numbers: \"oops\" on line 62 (1 of 61 cells)",
        ),
        (
            "x,y\n1,2.5\ninf,3\n",
            "y",
            "t.csv, line 3, column 1 (x): \"inf\" is not a finite number that f32 can hold",
        ),
        (
            "x,y\n1,2.5\n1e39,3\n",
            "y",
            "t.csv, line 3, column 1 (x): \"1e39\" is not a finite number that f32 can hold",
        ),
        (
            "x,y\n1,2\nNaN,3\n",
            "y",
            "t.csv, line 3, column 1 (x): 1 missing cell, the first of them here: fill with --missing mean, or leave such rows out with --missing drop",
        ),
        (
            "length,width\n1,2\n",
            "lenght",
            "t.csv: there is no column \"lenght\"; did you mean length?",
        ),
        (
            "x,y\n1,a\n2,a\n",
            "y",
            "t.csv, column 2 (y): the target has only one value, \"a\": there is nothing to learn",
        ),
        (
            "x,y\n1,2.5\n2,2.5\n",
            "y",
            "t.csv, column 2 (y): the target has only one value, \"2.5\": there is nothing to learn",
        ),
        ("y\n1\n2\n", "y", "t.csv: no column is left to predict from"),
        (
            "x,y\n1,2.5\n1,3.5\n",
            "y",
            "t.csv, column 2 (y): the target does not change in the 1 training rows",
        ),
        (
            &format!("id,y\n{ids}"),
            "y",
            "t.csv, column 1 (id): more than 1000 different values: too many for categories; leave the column out with --ignore 1",
        ),
    ] {
        let options =
            Options { held_out: if text.contains("3.5") { 0.5 } else { 0.2 }, ..options(target) };
        assert_eq!(fault(text, &options), message);
    }
}

#[test]
fn faults_of_bytes() {
    let o = options("y");
    assert_eq!(
        fault(b"x,y\n1,2\ncaf\xe9,3\n", &o),
        "t.csv, line 3: byte 4 of the line (0xE9) is not UTF-8: convert the file first, such as with `iconv -f latin1 -t utf-8`"
    );
    let packed = gzip(numbers(3000).as_bytes());
    for cut in [11, 200, packed.len() - 1] {
        let error = read(&packed[..cut], &options("class")).unwrap_err();
        assert!(matches!(error.fault(), Fault::Gzip(_)), "{cut}: {error}");
    }
    let mut damaged = packed.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 0xff;
    assert!(read(&damaged, &options("class")).is_err());
    assert!(fault(b"PK\x03\x04zip", &o).contains("a zip archive or a spreadsheet"));
    assert!(fault(b"\xff\xfex\0,\0", &o).contains("UTF-16"));
}

#[test]
fn the_end_of_cut_gzip_has_a_line() {
    let packed = gzip(numbers(30_000).as_bytes());
    let error = read(&packed[..packed.len() / 2], &options("class")).unwrap_err();
    assert!(error.line().is_some_and(|line| line > 1000), "{error}");
}

#[test]
fn what_is_asked_is_checked() {
    let text = "a,b,y\n1,u,x\n2,v,z\n3,u,x\n";
    assert_eq!(
        fault(text, &Options::default()),
        "t.csv: name the column to predict with --target: 1 a, 2 b, 3 y"
    );
    let targets = Options { targets: vec!["y".into(), "a".into()], ..Options::default() };
    assert!(
        fault(text, &targets).contains("column 3 (y): a category cannot be one of several targets")
    );
    for share in [1.0, -0.1, f64::NAN] {
        assert!(
            fault(text, &Options { held_out: share, ..options("y") })
                .contains("cannot be held out")
        );
    }
    let number = Options { numbers: vec!["b".into()], ..options("y") };
    assert!(fault(text, &number).contains("line 2, column 2 (b): text in a column of numbers"));
    let drop = Options { missing: Missing::Drop, ..options("y") };
    assert_eq!(
        fault("a,b,y\n1,,x\n2,?,z\n", &drop),
        "t.csv: none of the 2 rows is left: each misses a cell, most often in column 2 (b)"
    );
}

#[test]
fn a_value_far_from_the_training_rows_is_named() {
    // Any split of these leaves the large value alone on its side for some seed.
    let text = "x,y\n1e-38,1\n2e-38,2\n3e-38,3\n3e38,4.5\n1.5e-38,5\n";
    let errors: Vec<String> = (0..40)
        .filter_map(|seed| read(text, &Options { seed, ..options("y") }).err())
        .map(|error| error.to_string())
        .collect();
    assert!(
        errors.iter().any(|e| e.contains("line 5, column 1 (x)") && e.contains("too far")),
        "{errors:?}"
    );
}

#[test]
fn a_file_that_changes_is_noticed() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(numbers(5000).as_bytes()).unwrap();
    let source = Source::open(file.path()).unwrap();
    let table = Table::read(&source, &Options { memory: 0, ..options("class") }).unwrap();
    file.as_file().set_len(30_000).unwrap();
    let mut samples = table.training(0).unwrap();
    let error = loop {
        match samples.read() {
            Ok(Some(_)) => {}
            Ok(None) => panic!("the change went unnoticed"),
            Err(error) => break error,
        }
    };
    assert!(matches!(error.fault(), Fault::Changed | Fault::Ragged { .. }), "{error}");
    assert_eq!(samples.read().unwrap(), None);
}

#[test]
fn words_of_all_columns_together_are_bounded() {
    let word = "w".repeat(2000);
    let mut text = String::new();
    for row in 0..900 {
        let cells = (0..40).map(|column| format!("{word}{row}-{column},"));
        text.extend(cells.chain([format!("{row}\n")]));
    }
    let error = read(&text, &options("41")).unwrap_err();
    assert!(matches!(error.fault(), Fault::TooMuchText { .. }), "{error}");
}
