//! Columns of whole tables: kinds, classes, orders, gaps.

use super::*;

#[test]
fn numbers_are_classes_when_few_and_whole() {
    let text = |f: &dyn Fn(usize) -> String| -> String {
        let rows: String = (0..50).map(|i| format!("{}.5,{}\n", i * 3 % 7, f(i))).collect();
        format!("x,y\n{rows}")
    };
    let task = |text: &str, options: &Options| read(text, options).unwrap().task();
    let few = text(&|i| (i % 3).to_string());
    let table = read(text(&|i| format!("{}", i % 12)), &options("y")).unwrap();
    assert_eq!(table.encoding().class_names()[9..], ["9", "10", "11"]);
    assert_eq!(task(&few, &options("y")), Task::Classification);
    assert_eq!(task(&text(&|i| i.to_string()), &options("y")), Task::Regression);
    assert_eq!(task(&text(&|i| format!("{}.5", i % 3)), &options("y")), Task::Regression);
    let force = |numbers: &[&str], categories: &[&str]| Options {
        numbers: numbers.iter().map(|&name| name.into()).collect(),
        categories: categories.iter().map(|&name| name.into()).collect(),
        ..options("y")
    };
    assert_eq!(task(&few, &force(&["y"], &[])), Task::Regression);
    assert_eq!(task(&text(&|i| i.to_string()), &force(&[], &["y"])), Task::Classification);
    let inputs = read(&few, &force(&[], &["x"])).unwrap();
    assert_eq!(inputs.encoding().input_width(), 7);
}

#[test]
fn categories_and_orders() {
    let text =
        "colour,size,y\nred,small,1\nblue,large,2\n, medium ,3\nred,large,4.5\nblue,small,2\n";
    let mut options = Options {
        missing: Missing::Mean,
        held_out: 0.0,
        memory: 0,
        ordinals: vec!["size=small<medium<large".parse().unwrap()],
        ..options("y")
    };
    let table = read(text, &options).unwrap();
    assert_eq!(table.encoding().input_names(), ["colour=blue", "colour=red", "size"]);
    let rows = rows(table.training(0).unwrap());
    let colours: Vec<&[f32]> = rows.iter().map(|row| &row[..2]).collect();
    assert_eq!(colours, [[0.0, 1.0], [1.0, 0.0], [0.0, 0.0], [0.0, 1.0], [1.0, 0.0]]);
    let scale = table.encoding().input_scales()[2];
    let sizes: Vec<f32> = rows.iter().map(|row| scale.undo(row[2])).collect();
    assert_eq!(sizes, [0.0, 2.0, 1.0, 2.0, 0.0]);
    options.ordinals = vec!["size=small<large".parse().unwrap()];
    let fault = fault(text, &options);
    assert_eq!(
        fault,
        "t.csv, line 4, column 2 (size): \"medium\" is not in the order given for this column"
    );
    let ordinal = Options { ordinals: vec!["size".parse().unwrap()], ..self::options("size") };
    let table = read("x,size\n1,S\n2,L\n3,M\n9,S\n", &ordinal).unwrap();
    assert_eq!(table.task(), Task::Regression);
}

#[test]
fn missing_cells() {
    let text = "x,z,y\n1,5,0.5\n,6,1.5\n3,NA,2.5\n5,8,\n7,9,9.5\n";
    let with = |missing| Options { missing, held_out: 0.0, memory: 0, ..options("y") };
    let refused = read(text, &with(Missing::Refuse)).unwrap_err();
    assert_eq!((refused.line(), refused.column()), (Some(3), Some(1)));
    assert!(matches!(refused.fault(), Fault::Missing { cells: 3 }));
    let filled = read(text, &with(Missing::Mean)).unwrap();
    let gaps = filled.summary().missing;
    assert_eq!((gaps.cells, gaps.rows_left_out), (3, 1));
    let scale = filled.encoding().input_scales()[0];
    assert!((scale.offset - 11.0 / 3.0).abs() < 1e-6);
    let filled = rows(filled.training(0).unwrap());
    assert_eq!((filled[1][0], filled[2][1], filled.len()), (0.0, 0.0, 4));
    let dropped = read(text, &with(Missing::Drop)).unwrap();
    assert_eq!(dropped.summary().missing.rows_left_out, 3);
    assert_eq!(rows(dropped.training(0).unwrap()).len(), 2);
}

#[test]
fn constants_become_zero() {
    let text = "a,b,c,y\n7,w,1,1\n7,w,2,2.5\n7.0,w,3,3\n";
    let table = read(text, &Options { held_out: 0.0, ..options("y") }).unwrap();
    let scales = table.encoding().input_scales();
    assert_eq!((scales[0], scales[1]), (Scale::CONSTANT, Scale::CONSTANT));
    assert!(rows(table.training(0).unwrap()).iter().all(|row| row[..2] == [0.0, 0.0]));
    assert_eq!(table.summary().notes, ["the same in every row, so of no use: a, b"]);
}

#[test]
fn an_ignored_column_may_hold_anything() {
    let text = "id,x,y\n?,1,1.5\nb,2,2\n3,3,7\n";
    let ignore = Options { ignore: vec!["id".into()], ..options("y") };
    let table = read(text, &ignore).unwrap();
    assert_eq!((table.encoding().input_width(), table.summary().missing.cells), (1, 0));
}
