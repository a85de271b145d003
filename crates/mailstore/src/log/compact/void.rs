//! What the openings up to a segment say about earlier ones must stay true without it: octets that do not count go
//! before it goes.
//!
//! No file is ever cut off in place: a backup may have a second name for it.

use std::io::IoSlice;

use super::{Compactor, failed, unreadable};
use crate::disk::DiskFile;
use crate::engine::Wait;
use crate::error::CompactError;
use crate::index::keys::Retirement;
use crate::log::frame::OPENING;
use crate::log::replay::Segment;

use std::sync::atomic::Ordering;

/// Octets copied at once.
const WINDOW: u64 = 1 << 20;

impl Compactor {
    /// Removes what does not count of all segments before this one, durably.
    pub(super) fn remove_void(&self, retired: u32) -> Result<(), CompactError> {
        let (disk, layout) = (&self.replay.disk, &self.replay.layout);
        let segments = self.replay.survey().map_err(unreadable)?;
        let opening = segments.get(&retired).and_then(|segment| segment.opening);
        let stated = opening.map_or(0, |opening| opening.durable.segment);
        for segment in segments.range(..retired).map(|(_, segment)| segment) {
            let path = layout.segment(segment.number);
            let void = segment.size.saturating_sub(segment.limit);
            if segment.limit > OPENING && void > 0 {
                self.keep_front(segment)?;
                self.gauges.octets.fetch_sub(void, Ordering::Relaxed);
            } else if (segment.is_readable() && void > 0) || segment.size == 0 {
                disk.remove(&path).map_err(failed("removing"))?;
                self.gauges.segments.fetch_sub(1, Ordering::Relaxed);
                self.gauges
                    .octets
                    .fetch_sub(segment.size, Ordering::Relaxed);
            } else if segment.number >= stated {
                // A writer that failed has cut it off, and never synced that: it could grow again when the power goes.
                let synced = disk.open(&path).and_then(|file| file.sync());
                synced.map_err(failed("syncing the log"))?;
            }
            // What cannot be read at all may have counted: that is for `repair` to say.
        }
        Ok(())
    }

    /// Puts another file in the place of a segment, with the octets that count.
    fn keep_front(&self, segment: &Segment) -> Result<(), CompactError> {
        let (disk, layout) = (&self.replay.disk, &self.replay.layout);
        let path = layout.segment(segment.number);
        let front = layout.tmp.join(format!("{:010}.front", segment.number));
        let copied = disk.open(&path).and_then(|from| {
            // One that was interrupted.
            let _ = disk.remove(&front);
            let to = disk.create(&front)?;
            copy(&*from, &*to, segment.limit)?;
            to.sync()?;
            disk.rename(&front, &path)?;
            disk.sync_directory(&layout.log)
        });
        copied.map_err(failed("leaving out what does not count"))?;
        self.files.forget(&Retirement {
            segment: segment.number,
            bodies: Vec::new(),
        });
        Ok(())
    }
}

fn copy(from: &dyn DiskFile, to: &dyn DiskFile, octets: u64) -> std::io::Result<()> {
    let mut at = 0;
    while at < octets {
        let length = usize::try_from(WINDOW.min(octets - at)).unwrap_or_default();
        let mut window = vec![0; length];
        if from.read_at(&mut window, at, Wait::Allowed)? < length {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        to.write_at(&mut [IoSlice::new(&window)], at)?;
        at += WINDOW;
    }
    Ok(())
}
