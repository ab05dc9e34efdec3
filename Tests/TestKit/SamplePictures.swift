/// Pictures made on the spot, so that the tests carry no binary files.
package enum SamplePictures {
    /// A PNG: red on the left, blue on the right; `alpha` makes the right half transparent. `declared` lies in the header.
    package static func png(_ width: Int, _ height: Int, alpha: Bool = false, declared: (Int, Int)? = nil) -> [UInt8] {
        var rows: [UInt8] = []
        rows.reserveCapacity(height * (width * 4 + 1))
        for _ in 0..<height {
            rows.append(0)   // no filter
            for x in 0..<width {
                rows += x < width / 2 ? [220, 30, 30] : [30, 30, 220]
                if alpha { rows.append(x < width / 2 ? 255 : 0) }
            }
        }
        let (w, h) = declared ?? (width, height)
        return [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
            + chunk("IHDR", big(w) + big(h) + [8, alpha ? 6 : 2, 0, 0, 0])
            + chunk("IDAT", zlib(rows)) + chunk("IEND", [])
    }

    /// A GIF of one colour, two frames when `animated`.
    package static func gif(_ width: Int, _ height: Int, animated: Bool = false) -> [UInt8] {
        var out = Array("GIF89a".utf8) + little(width) + little(height) + [0x80, 0, 0] + [200, 40, 40, 40, 40, 200]
        for frame in 0..<(animated ? 2 : 1) {
            out += [0x21, 0xF9, 4, 0, 10, 0, 0, 0]
            out += [0x2C] + little(0) + little(0) + little(width) + little(height) + [0, 2]
            // Codes of three bits; a clear code before the table would grow: no compression at all.
            var bits: [UInt8] = [], buffer = 0, count = 0
            func put(_ code: Int) {
                buffer |= code << count
                count += 3
                while count >= 8 { bits.append(UInt8(buffer & 255)); buffer >>= 8; count -= 8 }
            }
            for pixel in 0..<(width * height) {
                if pixel % 2 == 0 { put(4) }
                put(frame)
            }
            put(5)
            if count > 0 { bits.append(UInt8(buffer & 255)) }
            var rest = bits[...]
            while !rest.isEmpty {
                out.append(UInt8(min(255, rest.count)))
                out += rest.prefix(255)
                rest = rest.dropFirst(255)
            }
            out.append(0)
        }
        return out + [0x3B]
    }

    /// The smallest lossy WebP: one pixel.
    package static let webp: [UInt8] = [
        0x52, 0x49, 0x46, 0x46, 0x22, 0, 0, 0, 0x57, 0x45, 0x42, 0x50, 0x56, 0x50, 0x38, 0x20, 0x16, 0, 0, 0, 0x30, 0x01, 0, 0x9D, 0x01, 0x2A,
        0x01, 0, 0x01, 0, 0x0E, 0xC0, 0xFE, 0x25, 0xA4, 0, 0x03, 0x70, 0, 0, 0, 0,
    ]

    /// A JPEG with an Exif block put in: orientation and the name of an artist.
    package static func exif(_ jpeg: [UInt8], orientation: Int, artist: String) -> [UInt8] {
        let name = Array(artist.utf8) + [0]
        var tiff: [UInt8] = Array("MM".utf8) + [0, 42, 0, 0, 0, 8]
        tiff += [0, 2]
        tiff += [0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, UInt8(orientation), 0, 0]
        tiff += [0x01, 0x3B, 0, 2] + big(name.count) + big(8 + 2 + 24 + 4)
        tiff += [0, 0, 0, 0] + name
        let block = Array("Exif".utf8) + [0, 0] + tiff
        let length = block.count + 2
        return Array(jpeg.prefix(2)) + [0xFF, 0xE1, UInt8(length >> 8), UInt8(length & 255)] + block + jpeg.dropFirst(2)
    }

    private static func big(_ n: Int) -> [UInt8] { [UInt8(n >> 24 & 255), UInt8(n >> 16 & 255), UInt8(n >> 8 & 255), UInt8(n & 255)] }
    private static func little(_ n: Int) -> [UInt8] { [UInt8(n & 255), UInt8(n >> 8 & 255)] }

    private static func chunk(_ name: String, _ data: [UInt8]) -> [UInt8] {
        let body = Array(name.utf8) + data
        return big(data.count) + body + big(Int(crc(body)))
    }

    /// Stored, not compressed.
    private static func zlib(_ data: [UInt8]) -> [UInt8] {
        var out: [UInt8] = [0x78, 0x01], rest = data[...], a: UInt32 = 1, b: UInt32 = 0
        repeat {
            let part = rest.prefix(65_535), length = part.count
            rest = rest.dropFirst(65_535)
            out += [rest.isEmpty ? 1 : 0, UInt8(length & 255), UInt8(length >> 8), UInt8(~length & 255), UInt8(~length >> 8 & 255)]
            out += part
        } while !rest.isEmpty
        for byte in data { a = (a + UInt32(byte)) % 65_521; b = (b + a) % 65_521 }
        return out + big(Int(b << 16 | a))
    }

    private static let table: [UInt32] = (0..<256).map { n in
        (0..<8).reduce(UInt32(n)) { c, _ in c & 1 == 1 ? 0xEDB8_8320 ^ (c >> 1) : c >> 1 }
    }
    private static func crc(_ bytes: [UInt8]) -> UInt32 {
        ~bytes.reduce(0xFFFF_FFFF) { table[Int(($0 ^ UInt32($1)) & 255)] ^ ($0 >> 8) }
    }
}
