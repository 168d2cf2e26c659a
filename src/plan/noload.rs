//! `(NOLOAD)`: an output section that a loader leaves alone. In wasm that is one of zeros, as memory is
//! zero where no data segment says otherwise.

use super::layout::Layout;
use crate::error::Result;
use crate::survey::read_again;

impl Layout<'_> {
    /// Refuses contents that would not be loaded.
    ///
    /// # Errors
    /// The first entry that has any, and objects that are not right.
    pub fn check_noload(&self) -> Result<()> {
        for (name, span) in &self.noload {
            let Some(extent) = self.outputs.get(name) else {
                continue;
            };
            let section = &self.sections[extent.section];
            let range = extent.start..extent.end.unwrap_or(extent.start);
            let within = |offset: u32| range.contains(&u64::from(offset));
            let of_script = section.data.iter().any(|item| within(item.offset));
            let entries = section.entries.iter().filter(|one| within(one.offset));
            let mut with_contents = of_script.then(|| "the script".to_owned());
            for placed in entries {
                if with_contents.is_none() && self.has_contents(placed.entry)? {
                    let object = self.survey[placed.entry].object;
                    with_contents = Some(self.modules[object.0].name.to_string());
                }
            }
            if let Some(from) = with_contents {
                return Err(span.error(format!(
                    "(NOLOAD) leaves memory as it is, and `{name}` has contents, from {from}"
                )));
            }
        }
        Ok(())
    }

    /// Whether an entry is anything but zeros.
    fn has_contents(&self, id: crate::survey::EntryId) -> Result<bool> {
        let entry = &self.survey[id];
        let module = &self.modules[entry.object.0];
        let look = || {
            let bytes = module.load()?;
            let object = read_again(&bytes, [entry])?;
            if entry.data(&object).iter().any(|&byte| byte != 0) {
                return Ok(true);
            }
            match entry.segment() {
                Some(segment) => Ok(!object
                    .relocations_within(segment, entry.range())?
                    .is_empty()),
                None => Ok(false),
            }
        };
        look().map_err(|error: crate::error::Error| error.in_file(&module.name))
    }
}
