//! The instruction sets of the host, and the choice of one while the program runs. The bits are the
//! same in all.
//!
//! Which registers a function may use is fixed when it is compiled, so the kernels are compiled
//! once for each instruction set and the machine is asked which it has. `pulp` owns the unsafe
//! call that this takes, and makes the vector instructions safe to name.

#[cfg(target_arch = "x86_64")]
mod x86;

use std::str::FromStr;

#[cfg(not(target_arch = "x86_64"))]
use derby_core::lanes::Portable;
use derby_core::lanes::{Registers, Work};

/// An instruction set.
#[derive(Clone, Copy, Debug)]
pub enum Isa {
    /// Whatever the compiler makes of plain arrays: NEON on aarch64.
    #[cfg(not(target_arch = "x86_64"))]
    Portable,
    /// 128-bit registers, which every x86-64 has.
    #[cfg(target_arch = "x86_64")]
    Sse2(pulp::x86::V1),
    /// 256-bit registers.
    #[cfg(target_arch = "x86_64")]
    Avx2(pulp::x86::V3),
    /// 512-bit registers.
    #[cfg(target_arch = "x86_64")]
    Avx512(pulp::x86::V4),
}

impl Isa {
    /// All that this machine has, the widest last.
    #[cfg(target_arch = "x86_64")]
    pub fn all() -> Vec<Self> {
        use pulp::x86::{V1, V3, V4};
        let sse2 = V1::try_new().map(Self::Sse2);
        let wider = [V3::try_new().map(Self::Avx2), V4::try_new().map(Self::Avx512)];
        sse2.into_iter().chain(wider.into_iter().flatten()).collect()
    }

    /// All that this machine has.
    #[cfg(not(target_arch = "x86_64"))]
    pub fn all() -> Vec<Self> {
        vec![Self::Portable]
    }

    /// The widest that this machine has.
    pub fn widest() -> Self {
        Self::all().pop().expect("every machine has one")
    }

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            #[cfg(not(target_arch = "x86_64"))]
            Self::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Self::Sse2(_) => "sse2",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(_) => "avx2",
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(_) => "avx512",
        }
    }

    /// Runs `work`, compiled for this instruction set.
    pub fn run(self, work: impl Work) {
        match self {
            #[cfg(not(target_arch = "x86_64"))]
            Self::Portable => Portable.apart(work),
            #[cfg(target_arch = "x86_64")]
            Self::Sse2(isa) => x86::Sse2(isa).apart(work),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(isa) => x86::Avx2(isa).apart(work),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(isa) => x86::Avx512(isa).apart(work),
        }
    }
}

/// Numbers of a cache line. To load a register from two lines takes twice as long.
const LINE: usize = 16;

/// `count` numbers of `memory`, from the beginning of a cache line on.
pub fn in_lines(memory: &mut Vec<f32>, count: usize) -> &mut [f32] {
    memory.resize(count + LINE - 1, 0.0);
    let before = memory.as_ptr().align_offset(LINE * size_of::<f32>()).min(LINE - 1);
    &mut memory[before..][..count]
}

impl FromStr for Isa {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let all = Self::all();
        all.iter().copied().find(|isa| isa.name() == name).ok_or_else(|| {
            let names: Vec<_> = all.iter().map(|isa| isa.name()).collect();
            format!("this machine has no '{name}', only {}", names.join(", "))
        })
    }
}
