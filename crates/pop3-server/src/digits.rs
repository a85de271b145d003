//! Numbers as digits, put straight behind what is written already: a listing of 10,000 messages has 40,000 of them.

/// As many as 2^64 - 1 has.
const LONGEST: usize = 20;

/// Writes a number in base 10.
pub(crate) fn decimal(number: u64, out: &mut Vec<u8>) {
    digits(number, 10, out);
}

/// Writes a number in base 16, in lower case.
pub(crate) fn hexadecimal(number: u64, out: &mut Vec<u8>) {
    digits(number, 16, out);
}

#[inline(always)]
fn digits(mut number: u64, base: u64, out: &mut Vec<u8>) {
    let mut text = [0; LONGEST];
    let mut first = LONGEST;
    loop {
        first -= 1;
        text[first] = b"0123456789abcdef"[(number % base) as usize];
        number /= base;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&text[first..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_the_standard_library_writes_them() {
        let near_powers = (0..64).flat_map(|bits| {
            let power = 1_u64 << bits;
            [power - 1, power, power + 1]
        });
        let tens = (0..20).flat_map(|zeros| [10_u64.pow(zeros) - 1, 10_u64.pow(zeros)]);
        for number in near_powers.chain(tens).chain([u64::MAX]) {
            let mut out = b"+".to_vec();
            decimal(number, &mut out);
            out.push(b'.');
            hexadecimal(number, &mut out);
            assert_eq!(out, format!("+{number}.{number:x}").into_bytes());
        }
    }
}
