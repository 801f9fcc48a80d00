//! Tables that nobody wrote: arbitrary bytes never panic or hang, and written tables read back.

use proptest::collection::vec;
use proptest::prelude::*;
use rand_core::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;

use super::super::split::below;
use super::*;

/// Text that matters to a reader of tables, in any order.
fn scraps() -> impl Strategy<Value = Vec<u8>> {
    let scrap = prop::sample::select(vec![
        ",", ";", "\t", "|", " ", "\n", "\r", "\r\n", "\"", "\"\"", "\u{feff}", "?", "NA", "nan",
        "inf", "1e39", "-0", "1", "2.5", "1,5", "a", "b", "é", "\0", "1e-320", "x,y\n", "1,2\n",
    ]);
    vec(scrap, 0..200).prop_map(|scraps| scraps.concat().into_bytes())
}

/// Columns of cells that belong together, more or less, with a slip here and there.
fn grid() -> impl Strategy<Value = Vec<u8>> {
    const FLAVOURS: [&[&str]; 6] = [
        &["1", "2.5", "-3e7", "1e-320", "0.1", "7", "1e30"],
        &["0", "1", "2", "1.0", "-0"],
        &["a", "b", "\"c,d\"", "\"e\nf\"", "é", "\u{1b}[31m"],
        &["1,5", "\"2,5\"", "0,125", "1"],
        &["", "?", "NA", "1", "2"],
        &["same"],
    ];
    const SLIPS: [&str; 9] = ["", "?", "nan", "inf", "1e39", "oops", "1e38", "\"", ",\t;"];
    let column = (0..FLAVOURS.len(), prop::bool::weighted(0.1));
    let separator = prop::sample::select(vec![",", ";", "\t", "|", " "]);
    let columns = vec(column, 2..5);
    (columns, 0..60_usize, separator, any::<bool>(), any::<u64>()).prop_map(
        |(columns, rows, separator, header, seed)| {
            let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
            let mut dice = || below(&mut rng, 30) as usize;
            let mut text = String::new();
            if header {
                let names: Vec<String> = (0..columns.len()).map(|i| format!("h{i}")).collect();
                text = names.join(separator) + "\n";
            }
            for _ in 0..rows {
                let cells: Vec<&str> = columns
                    .iter()
                    .map(|&(flavour, slips)| {
                        let list = if slips && dice() == 0 { &SLIPS } else { FLAVOURS[flavour] };
                        list[dice() % list.len()]
                    })
                    .collect();
                text.push_str(&cells.join(separator));
                text.push('\n');
            }
            text.into_bytes()
        },
    )
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let any_text = || prop_oneof![1 => scraps(), 6 => grid()];
    let damaged = |text: Vec<u8>, index: prop::sample::Index, byte: u8| {
        let mut bytes = text;
        if let Some(length) = std::num::NonZero::new(bytes.len()) {
            bytes[index.index(length.get())] = byte;
        }
        bytes
    };
    let place = || (any::<prop::sample::Index>(), any::<u8>());
    prop_oneof![
        12 => any_text(),
        1 => any_text().prop_map(|text| gzip(&text)),
        1 => (any_text(), place()).prop_map(move |(text, (index, byte))| damaged(text, index, byte)),
        1 => (any_text(), place()).prop_map(move |(text, (index, byte))| damaged(gzip(&text), index, byte)),
        1 => vec(any::<u8>(), 0..400),
    ]
}

fn any_options() -> impl Strategy<Value = Options> {
    let column =
        || prop::sample::select(vec!["1", "2", "3", "c2", "h1", "h0"]).prop_map(String::from);
    let rarely = move || {
        prop_oneof![
            8 => Just(Vec::new()),
            1 => vec(column(), 1..3),
        ]
    };
    let separators = prop::sample::select(vec![b',', b';', b'\t', b'|', b' ', b'a', 0xff]);
    let format = (
        prop::option::weighted(0.1, separators),
        prop::option::weighted(0.1, any::<bool>()),
        prop::option::weighted(0.2, any::<bool>()),
    );
    let format = format.prop_map(|(separator, decimal_comma, header)| Format {
        separator,
        decimal_comma,
        header,
    });
    let target = prop_oneof![
        9 => prop::sample::select(vec!["1", "2"]).prop_map(|name| vec![name.to_owned()]),
        1 => Just(vec!["1".into(), "2".into()]),
        1 => vec(column(), 0..3),
    ];
    let lists = (target, rarely(), rarely(), rarely(), rarely());
    let policy = prop::sample::select(vec![Missing::Refuse, Missing::Mean, Missing::Drop]);
    let memory = prop::sample::select(vec![0, 400, 1 << 20]);
    let rest = (policy, 0.0..1.0, any::<u64>(), memory);
    (format, lists, rest).prop_map(|(format, lists, (missing, held_out, seed, memory))| {
        let (targets, ignore, numbers, categories, ordinals) = lists;
        let ordinals = ordinals.into_iter().map(|column| Ordinal { column, order: Vec::new() });
        Options {
            format,
            targets,
            ignore,
            numbers,
            categories,
            ordinals: ordinals.collect(),
            missing,
            held_out,
            seed,
            memory,
        }
    })
}

/// Walks everything a table offers and checks what must hold of any table.
fn examine(table: &Table) -> Result<(), Error> {
    let (encoding, summary) = (table.encoding(), table.summary());
    let page = summary.to_string();
    assert!(page.lines().count() <= 24, "{page}");
    assert!(page.lines().all(|line| line.chars().count() <= 80), "{page}");
    assert!(!page.replace('\n', "").contains(char::is_control), "{page:?}");
    serde_json::to_string(summary).unwrap();
    let stored = serde_json::to_string(encoding).unwrap();
    assert_eq!(&serde_json::from_str::<Encoding>(&stored).unwrap(), encoding);
    assert_eq!(encoding.input_names().len(), encoding.input_width());
    assert_eq!(encoding.input_scales().len(), encoding.input_width());
    assert_eq!(encoding.target_names().len(), encoding.target_width());
    let mut total = 0;
    for mut samples in [table.training(0)?, table.held_out()?] {
        let mut count = 0;
        while let Some(sample) = samples.read()? {
            assert_eq!(sample.inputs.len(), encoding.input_width());
            assert_eq!(sample.targets.len(), encoding.target_width());
            assert!(sample.inputs.iter().chain(sample.targets).all(|x| x.is_finite()));
            if table.task() == Task::Classification {
                assert_eq!(sample.targets.iter().sum::<f32>(), 1.0);
            }
            count += 1;
        }
        assert_eq!(count, samples.count());
        total += count;
    }
    assert_eq!(total + summary.missing.rows_left_out, summary.rows);
    Ok(())
}

/// A cell that reads back as it was written.
fn word() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["red", "two words", "a,b", "c;d", "quo\"te", "line\nbreak", "é"])
        .prop_map(String::from)
}

fn quoted(cell: &str) -> String {
    format!("\"{}\"", cell.replace('"', "\"\""))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn no_bytes_panic(bytes in bytes(), options in any_options()) {
        let source = Source::spool("t", bytes.as_slice()).unwrap();
        match Table::read(&source, &options) {
            Ok(table) => {
                if let Err(error) = examine(&table) {
                    prop_assert!(matches!(error.fault(), Fault::Overflow(_)), "{error}");
                }
            }
            Err(error) => {
                prop_assert!(!matches!(error.fault(), Fault::Changed), "{error}");
                let text = error.to_string();
                prop_assert!(text.starts_with('t') && !text.contains('\n'), "{text}");
            }
        }
    }

    #[test]
    fn written_tables_read_back(
        rows in vec((-1e6_f32..1e6, word(), 0_u8..3), 12..60),
        separator in prop::sample::select(vec![b',', b';', b'\t', b'|']),
        comma in any::<bool>(),
        header in any::<bool>(),
        end in prop::sample::select(vec!["\n", "\r\n", "\r"]),
        packed in any::<bool>(),
        seed in any::<u64>(),
    ) {
        let comma = comma && separator != b',';
        let between = char::from(separator);
        let mut text = String::new();
        if header {
            text.push_str(&format!("amount{between}word{between}class{end}"));
        }
        // Two rows of each class and word, so that none is constant.
        let fixed = [(0.5, "red", 0), (1.5, "é", 1), (2.5, "red", 1), (3.5, "é", 0)];
        let fixed = fixed.map(|(x, word, class)| (x, word.to_owned(), class));
        let all: Vec<_> = fixed.into_iter().chain(rows).collect();
        for (x, word, class) in &all {
            let mut x = format!("{x:?}");
            if comma {
                x = x.replace('.', ",");
            }
            text.push_str(&format!("{x}{between}{}{between}k{class}{end}", quoted(word)));
        }
        let bytes = if packed { gzip(text.as_bytes()) } else { text.into_bytes() };
        let source = Source::spool("t", bytes.as_slice()).unwrap();
        let options = Options {
            targets: vec!["3".into()],
            held_out: 0.25,
            memory: 0,
            seed,
            ..Options::default()
        };
        let table = Table::read(&source, &options).unwrap();
        examine(&table).unwrap();
        let layout = table.summary().layout;
        prop_assert_eq!((layout.separator, layout.decimal_comma, layout.header), (separator, comma, header));
        let encoding = table.encoding();
        let scale = encoding.input_scales()[0];
        let (words, classes) = (encoding.input_names(), encoding.class_names());
        let mut sides = [table.training(0).unwrap(), table.held_out().unwrap()];
        let mut found = Vec::new();
        for samples in &mut sides {
            while let Some(sample) = samples.read().unwrap() {
                let word = sample.inputs[1..].iter().position(|&x| x == 1.0).unwrap();
                let class = sample.targets.iter().position(|&x| x == 1.0).unwrap();
                found.push((sample.inputs[0].to_bits(), words[1 + word].clone(), classes[class].clone()));
            }
        }
        let name = if header { "word" } else { "c2" };
        let mut expected: Vec<_> = all
            .iter()
            .map(|(x, word, class)| (scale.apply(*x).to_bits(), format!("{name}={}", word.trim()), format!("k{class}")))
            .collect();
        found.sort();
        expected.sort();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn every_class_keeps_its_share(counts in vec(2_usize..40, 2..6), share in 0.05..0.6, seed in any::<u64>()) {
        let mut text = "x,class\n".to_owned();
        for (class, &count) in counts.iter().enumerate() {
            (0..count).for_each(|i| text.push_str(&format!("{}.5,k{class}\n", i * 37 % 11)));
        }
        let options = Options { targets: vec!["class".into()], held_out: share, seed, ..Options::default() };
        let source = Source::spool("t", text.as_bytes()).unwrap();
        let table = Table::read(&source, &options).unwrap();
        for class in &table.summary().classes {
            let exact = class.rows as f64 * share;
            prop_assert!((class.held_out as f64 - exact).abs() <= 1.0, "{class:?} {exact}");
        }
        let rows: usize = counts.iter().sum();
        let held_out = table.summary().split.held_out as f64;
        prop_assert!((held_out - rows as f64 * share).abs() <= 0.5 + counts.len() as f64 * 0.001 + 0.5);
    }
}
