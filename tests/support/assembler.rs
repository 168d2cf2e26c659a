//! Assembly code with entries in a custom section.

/// Assembly code with an entry in a custom section, for pointers of `bits` bits (32 or 64): the address of
/// `"halve"`, a pointer to a function that halves an integer of that size, and the lines `more`.
pub fn halving(section: &str, bits: u32, more: &str) -> String {
    format!(
        r#"
        .functype halve (i{bits}) -> (i{bits})
        .section .text.halve,"",@
        .type halve,@function
        halve:
        .functype halve (i{bits}) -> (i{bits})
        local.get 0
        i{bits}.const 1
        i{bits}.shr_s
        end_function
        .section .rodata.text,"",@
        text:
        .asciz "halve"
        .size text, 6
        .section .custom_section.{section},"",@
        .int{bits} text
        .int{bits} halve
        {more}
        "#
    )
}
