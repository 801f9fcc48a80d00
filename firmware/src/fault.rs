//! What ends an image early: panics, processor faults, unexpected interrupts. Each is logged
//! and ends the image with its own code.

use core::arch::naked_asm;
use core::panic::PanicInfo;
use core::sync::atomic::{AtomicBool, Ordering};

use cortex_m_rt::{ExceptionFrame, exception};

use crate::console::{self, Verdict};

/// Set while an end is being logged, so that trouble in the log itself does not go round.
static ENDING: AtomicBool = AtomicBool::new(false);

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    end(Verdict::Panicked, || match info.location() {
        Some(place) => defmt::error!("panic at {=str}:{=u32}", place.file(), place.line()),
        None => defmt::error!("panic"),
    })
}

fn end(verdict: Verdict, log: impl FnOnce()) -> ! {
    // Two steps, as Cortex-M0 has no swap; interrupts that could come between are off or fatal.
    let again = ENDING.load(Ordering::Relaxed);
    ENDING.store(true, Ordering::Relaxed);
    if again {
        console::abort(verdict)
    }
    log();
    console::exit(verdict)
}

#[exception]
unsafe fn DefaultHandler(number: i16) -> ! {
    end(Verdict::Faulted, || defmt::error!("unexpected exception, IRQ {=i16}", number))
}

/// Where a fault arrives. After a stack overflow the stack pointer is at or below the bottom of
/// RAM, where no handler can run, so this gives the whole stack back first: nothing on it is
/// needed any more.
///
/// # Safety
/// Only the processor calls this, by the vector table.
// SAFETY: the name is the one cortex-m-rt's vector table asks for.
#[unsafe(no_mangle)]
#[unsafe(naked)]
unsafe extern "C" fn HardFault() -> ! {
    // SAFETY-relevant order: r0 keeps the exception frame; 512 bytes are what `report` needs.
    naked_asm!(
        "mrs r0, msp",
        "ldr r1, =_stack_end",
        "ldr r2, =512",
        "adds r1, r1, r2",
        "cmp r0, r1",
        "bhs 1f",
        "ldr r1, =_stack_start",
        "mov sp, r1",
        "1:",
        "bl {report}",
        report = sym report,
    )
}

/// Logs the registers at the fault, which the processor left at `frame`.
extern "C" fn report(frame: *const ExceptionFrame) -> ! {
    end(Verdict::Faulted, || {
        let at_frame = frame.addr();
        if is_stack_overflow(frame) {
            defmt::error!("stack overflow, stack pointer {=usize:#010x}", at_frame);
        } else {
            // SAFETY: the processor has just written the frame, and it lies within the stack.
            let frame = unsafe { &*frame };
            let [r0, r1, r2, r3] = [frame.r0(), frame.r1(), frame.r2(), frame.r3()];
            defmt::error!("fault at pc {=u32:#010x}, lr {=u32:#010x}", frame.pc(), frame.lr());
            defmt::error!("r0 {=u32:#x}, r1 {=u32:#x}, r2 {=u32:#x}, r3 {=u32:#x}", r0, r1, r2, r3);
            defmt::error!("r12 {=u32:#x}, xpsr {=u32:#010x}", frame.r12(), frame.xpsr());
        }
        if let Some(status) = Status::read() {
            let Status { cfsr, hfsr, mmfar, bfar } = status;
            defmt::error!("cfsr {=u32:#010x}, hfsr {=u32:#010x}", cfsr, hfsr);
            defmt::error!("mmfar {=u32:#010x}, bfar {=u32:#010x}", mmfar, bfar);
        }
    })
}

/// Whether the frame is none: below the stack, or kept from it by the processor's own limit.
fn is_stack_overflow(frame: *const ExceptionFrame) -> bool {
    const STACK_LIMIT: u32 = 1 << 20; // UFSR.STKOF, Armv8-M
    !cortex_m_stack::stack_rev().contains(&frame.cast::<u32>().cast_mut())
        || Status::read().is_some_and(|status| status.cfsr & STACK_LIMIT != 0)
}

/// The fault status registers.
struct Status {
    cfsr: u32,
    hfsr: u32,
    mmfar: u32,
    bfar: u32,
}

impl Status {
    #[cfg(fault_status)]
    fn read() -> Option<Self> {
        // SAFETY: the registers' address, by the architecture; they are only read.
        let scb = unsafe { &*cortex_m::peripheral::SCB::PTR };
        Some(Self {
            cfsr: scb.cfsr.read(),
            hfsr: scb.hfsr.read(),
            mmfar: scb.mmfar.read(),
            bfar: scb.bfar.read(),
        })
    }

    /// Armv6-M has none.
    #[cfg(not(fault_status))]
    fn read() -> Option<Self> {
        None
    }
}
