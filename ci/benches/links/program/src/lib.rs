//! Compiles a rule and scans bytes with it.

/// How many rules of the source at `rules` match the bytes at `data`; a negative number if the source is wrong.
///
/// # Safety
/// There must be so many bytes at both addresses.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn matching(
    rules: *const u8,
    size: usize,
    data: *const u8,
    length: usize,
) -> i32 {
    let (rules, data) = unsafe {
        (
            std::slice::from_raw_parts(rules, size),
            std::slice::from_raw_parts(data, length),
        )
    };
    let Ok(rules) = yara_x::compile(rules) else {
        return -1;
    };
    let mut scanner = yara_x::Scanner::new(&rules);
    let matching = scanner
        .scan(data)
        .map(|results| results.matching_rules().len());
    matching.map_or(-2, |count| count as i32)
}
