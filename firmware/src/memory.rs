//! How much memory an image takes, known to the linker, and how much stack it has used.

// SAFETY: cortex-m-rt's linker script defines them all; only their addresses are taken.
unsafe extern "C" {
    safe static __sdata: u8;
    safe static __ebss: u8;
}

/// Bytes of RAM that static data may take: all that is not stack.
pub const ROOM: usize = crate::board::STATIC_RAM;

/// Bytes of static data, the race's storage included.
pub fn static_data() -> usize {
    (&raw const __ebss).addr().wrapping_sub((&raw const __sdata).addr())
}

/// Bytes the stack may take.
pub fn stack_size() -> u32 {
    cortex_m_stack::stack_size()
}

/// The most bytes the stack has taken so far: what start-up painted and nothing has written to
/// was never in use.
pub fn stack_used() -> u32 {
    stack_size().saturating_sub(cortex_m_stack::stack_painted())
}
