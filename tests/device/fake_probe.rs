//! Plays `probe-rs` for the tests, with an emulated board at its end: `download` keeps the image,
//! `reset` starts QEMU with it, `read` and `write` reach into the running board's memory through
//! QEMU's debugger port. The folder that FAKE_PROBE names holds what lasts between two calls.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs, thread, time};

use derby_boards::{BOARDS, Board, EMULATOR};

fn main() {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let folder = PathBuf::from(env::var_os("FAKE_PROBE").expect("FAKE_PROBE names a folder"));
    match words[..] {
        ["--version"] => println!("fake probe"),
        [what, "--non-interactive", "--chip", chip, ref rest @ ..] => {
            let mut boards = BOARDS.iter().filter(|board| board.emulator.is_some());
            let board = boards.find(|board| board.probe == Some(chip)).expect("the chip is known");
            act(what, board, rest, &folder);
        }
        _ => panic!("{words:?} is no call of probe-rs"),
    }
}

#[expect(clippy::zombie_processes, reason = "a board outlives the probe that started it")]
fn act(what: &str, board: &Board, rest: &[&str], folder: &Path) {
    let (image, port) = (folder.join("image"), folder.join("port"));
    match (what, rest) {
        ("download", [path]) => drop(fs::copy(path, image).expect("the image is copied")),
        ("reset", []) => {
            let name = image.to_str().expect("a name of UTF-8");
            let debugger = format!("unix:{},server=on,wait=off", port.display());
            let mut arguments = board.emulator_arguments(name, false).expect("it is emulated");
            // No faster than the real one: the board waits for the probe by counting cycles.
            arguments.extend(["-icount", "shift=6,align=on", "-gdb", &debugger]);
            let mut emulator = Command::new(EMULATOR);
            emulator.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            let emulator = emulator.args(arguments).spawn().expect("QEMU starts");
            fs::write(folder.join("process"), emulator.id().to_string()).unwrap();
            // The port is there a while before it listens.
            let mut debugger = loop {
                match UnixStream::connect(&port) {
                    Ok(stream) => break Debugger(stream),
                    Err(_) => thread::sleep(time::Duration::from_millis(5)),
                }
            };
            debugger.call("D");
        }
        ("read", ["b32", address, words]) => {
            let length = 4 * words.parse::<u32>().expect("a number of words");
            let reply = ask(&port, number(address), length);
            let words = reply.as_bytes().chunks(8).map(|digits| {
                let digits = str::from_utf8(digits).expect("digits are UTF-8");
                format!("{:08x}", number(&format!("0x{digits}")).swap_bytes())
            });
            println!("{}", words.collect::<Vec<_>>().join(" "));
        }
        ("write", [width, address, values @ ..]) => {
            let digits = values.iter().map(|value| match *width {
                "b8" => format!("{:02x}", number(value)),
                "b32" => format!("{:08x}", number(value).swap_bytes()),
                _ => panic!("{width} is no width"),
            });
            let digits = digits.collect::<String>();
            let (address, length) = (number(address), digits.len() / 2);
            let mut debugger = Debugger::attach(&port);
            let reply = debugger.call(&format!("M{address:x},{length:x}:{digits}"));
            assert_eq!(reply, "OK");
            debugger.call("D");
        }
        _ => panic!("{what} {rest:?} is no call of probe-rs"),
    }
}

/// Reads memory, in pieces that a packet holds, as hexadecimal digits.
fn ask(port: &Path, start: u32, length: u32) -> String {
    const PIECE: u32 = 1024;
    let mut debugger = Debugger::attach(port);
    let pieces = (0..length).step_by(PIECE as usize).map(|at| {
        let piece = PIECE.min(length - at);
        debugger.call(&format!("m{:x},{piece:x}", start + at))
    });
    let digits = pieces.collect();
    debugger.call("D");
    digits
}

fn number(text: &str) -> u32 {
    match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => text.parse(),
    }
    .unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// GDB's remote protocol: `$packet#checksum`, each acknowledged by a `+`. The board stands still
/// from attaching to `D`.
struct Debugger(UnixStream);

impl Debugger {
    fn attach(port: &Path) -> Self {
        Self(UnixStream::connect(port).expect("the board has been started"))
    }

    fn call(&mut self, packet: &str) -> String {
        let sum = packet.bytes().fold(0_u8, u8::wrapping_add);
        write!(self.0, "${packet}#{sum:02x}").expect("the debugger listens");
        loop {
            let reply = self.reply();
            // That attaching stopped the board is told too, sooner or later.
            if !reply.starts_with('T') {
                return reply;
            }
        }
    }

    fn reply(&mut self) -> String {
        let mut reply = String::new();
        loop {
            match self.byte() {
                b'$' => reply.clear(),
                b'#' => break,
                b'+' => {}
                byte => reply.push(byte.into()),
            }
        }
        self.byte();
        self.byte();
        self.0.write_all(b"+").expect("the debugger listens");
        reply
    }

    fn byte(&mut self) -> u8 {
        let mut byte = [0];
        self.0.read_exact(&mut byte).expect("the debugger answers");
        byte[0]
    }
}
