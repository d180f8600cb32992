//! QR codes as images.

use std::error::Error;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use png::{BitDepth, ColorType, Encoder};
use qrcodegen::{QrCode, QrCodeEcc};

/// Modules of white around the code, which readers need.
const MARGIN: i32 = 4;

/// Width of a module, in pixels.
const SCALE: i32 = 4;

/// A PNG image of the QR code of a text, as a `data:` URL.
pub(super) fn qr_data_url(text: &str) -> Result<String, Box<dyn Error + Send + Sync>> {
    let code = QrCode::encode_text(text, QrCodeEcc::Medium)?;
    let width = (code.size() + 2 * MARGIN) * SCALE;
    let pixels = u32::try_from(width)?;
    let mut png = Vec::new();
    let mut encoder = Encoder::new(&mut png, pixels, pixels);
    encoder.set_color(ColorType::Grayscale);
    encoder.set_depth(BitDepth::One);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&rows(&code, width))?;
    writer.finish()?;
    Ok(format!("data:image/png;base64,{}", STANDARD.encode(png)))
}

/// The rows of the image, one bit a pixel, each from a new byte; a set bit is white.
fn rows(code: &QrCode, width: i32) -> Vec<u8> {
    let mut bytes = Vec::new();
    for y in 0..width {
        for start in (0..width).step_by(8) {
            let is_white =
                |x: i32| x < width && !code.get_module(x / SCALE - MARGIN, y / SCALE - MARGIN);
            bytes.push((start..start + 8).fold(0, |byte, x| byte << 1 | u8::from(is_white(x))));
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The three corners of a QR code have the finder pattern: dark, light, three dark, light, dark.
    #[test]
    fn image_shows_the_modules_of_the_code() {
        let url = qr_data_url("otpauth://totp/Example:bob?secret=JBSWY3DPEHPK3PXP").unwrap();
        let png = STANDARD.decode(url.strip_prefix("data:image/png;base64,").unwrap()).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
        let mut buffer = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut buffer).unwrap();
        assert_eq!((info.width, info.bit_depth), (info.height, BitDepth::One));
        let line = info.line_size;
        let module = |column: usize, row: usize| {
            let (x, y) = ((column + 4) * 4, (row + 4) * 4);
            buffer[y * line + x / 8] >> (7 - x % 8) & 1 == 0
        };
        let last = info.width as usize / 4 - 8 - 7;
        for (column, row) in [(0, 3), (last, 3), (0, last + 3)] {
            let pattern: Vec<bool> = (0..7).map(|offset| module(column + offset, row)).collect();
            assert_eq!(pattern, [true, false, true, true, true, false, true]);
        }
    }

    #[test]
    fn text_that_is_too_long_is_an_error() {
        assert!(qr_data_url(&"x".repeat(10_000)).is_err());
    }
}
