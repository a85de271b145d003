//! Cutting an input into what a target needs: single octets for choices, and pieces for streams.

/// Reads choices off the front of an input.
pub struct Pieces<'a>(&'a [u8]);

impl<'a> Pieces<'a> {
    pub fn new(input: &'a [u8]) -> Self {
        Self(input)
    }

    /// The next octet; zero behind the end, so that every input means something.
    pub fn octet(&mut self) -> u8 {
        let Some((octet, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        *octet
    }

    /// Everything that was not read yet.
    pub fn rest(self) -> &'a [u8] {
        self.0
    }
}

/// Cuts a stream into pieces whose sizes follow from `seed`: with 0 each is one octet.
pub fn cut(stream: &[u8], seed: u8) -> Vec<&[u8]> {
    let mut state = u32::from(seed);
    let (mut pieces, mut rest) = (Vec::new(), stream);
    while !rest.is_empty() {
        state = state.wrapping_mul(1_664_525).wrapping_add(u32::from(seed));
        let size = 1 + (state >> 16) as usize % (1 + usize::from(seed));
        let (piece, behind) = rest.split_at(size.min(rest.len()));
        pieces.push(piece);
        rest = behind;
    }
    pieces
}
