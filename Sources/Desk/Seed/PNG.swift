/// Draws small pictures by code: a PNG writer, a colour, and a canvas of shapes. Pure; used by the demo only.
enum PNG {
    /// 8-bit RGB, one `Sub`-filtered row after another, deflated by runs.
    static func encode(width: Int, height: Int, _ pixels: [UInt8]) -> [UInt8] {
        precondition(pixels.count == width * height * 3)
        var rows: [UInt8] = []
        rows.reserveCapacity(pixels.count + height)
        for y in 0..<height {
            rows.append(1)
            for index in (y * width * 3)..<((y + 1) * width * 3) {
                rows.append(index < y * width * 3 + 3 ? pixels[index] : pixels[index] &- pixels[index - 3])
            }
        }
        var out: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
        chunk("IHDR", big(UInt32(width)) + big(UInt32(height)) + [8, 2, 0, 0, 0], into: &out)
        chunk("IDAT", [0x78, 0x01] + Deflate.runs(rows) + big(adler(rows)), into: &out)
        chunk("IEND", [], into: &out)
        return out
    }
    private static func chunk(_ name: String, _ data: [UInt8], into out: inout [UInt8]) {
        let body = Array(name.utf8) + data
        out += big(UInt32(data.count)) + body + big(crc(body))
    }
    private static func big(_ value: UInt32) -> [UInt8] { [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) } }
    private static func adler(_ bytes: [UInt8]) -> UInt32 {
        var a: UInt32 = 1, b: UInt32 = 0
        for byte in bytes {
            a = (a + UInt32(byte)) % 65_521
            b = (b + a) % 65_521
        }
        return b << 16 | a
    }
    private static let crcTable: [UInt32] = (0..<256).map { index in
        (0..<8).reduce(UInt32(index)) { value, _ in value & 1 == 1 ? 0xEDB8_8320 ^ value >> 1 : value >> 1 }
    }
    static func crc(_ bytes: [UInt8]) -> UInt32 {
        ~bytes.reduce(0xFFFF_FFFF as UInt32) { crcTable[Int(($0 ^ UInt32($1)) & 0xFF)] ^ $0 >> 8 }
    }
}

/// RFC 1951 with the fixed codes and matches of distance one: enough for drawn pictures.
enum Deflate {
    static func runs(_ bytes: [UInt8]) -> [UInt8] {
        var out: [UInt8] = [], held: UInt64 = 0, bits = 0
        func put(_ value: Int, _ count: Int) {   // low bit first
            held |= UInt64(value) << UInt64(bits)
            bits += count
            while bits >= 8 {
                out.append(UInt8(truncatingIfNeeded: held))
                held >>= 8
                bits -= 8
            }
        }
        func code(_ value: Int, _ count: Int) {   // Huffman codes: high bit first
            for shift in stride(from: count - 1, through: 0, by: -1) { put(value >> shift & 1, 1) }
        }
        func symbol(_ value: Int) {
            switch value {
            case 0...143: code(0x30 + value, 8)
            case 144...255: code(0x190 + value - 144, 9)
            case 256...279: code(value - 256, 7)
            default: code(0xC0 + value - 280, 8)
            }
        }
        put(1, 1)   // last block
        put(1, 2)   // fixed codes
        var index = 0
        while index < bytes.count {
            symbol(Int(bytes[index]))
            var run = 0
            while run < 258, index + 1 + run < bytes.count, bytes[index + 1 + run] == bytes[index] { run += 1 }
            index += 1
            guard run >= 3 else { continue }
            let (length, extra, base) = lengthCode(run)
            symbol(length)
            put(run - base, extra)
            code(0, 5)   // distance 1
            index += run
        }
        symbol(256)
        if bits > 0 { put(0, 8 - bits) }
        return out
    }
    /// symbol, extra bits, first length of the symbol
    private static func lengthCode(_ length: Int) -> (Int, Int, Int) {
        if length == 258 { return (285, 0, 258) }
        var symbol = 257, base = 3
        while true {
            let extra = symbol < 265 ? 0 : (symbol - 261) / 4
            if length < base + 1 << extra { return (symbol, extra, base) }
            base += 1 << extra
            symbol += 1
        }
    }
}

struct Colour: Sendable, Hashable {
    var r: Double, g: Double, b: Double
    init(_ hex: UInt32) { (r, g, b) = (Double(hex >> 16 & 255) / 255, Double(hex >> 8 & 255) / 255, Double(hex & 255) / 255) }
    init(r: Double, g: Double, b: Double) { (self.r, self.g, self.b) = (r, g, b) }
    func mixed(_ other: Colour, _ t: Double) -> Colour {
        let t = min(1, max(0, t))
        return Colour(r: r + (other.r - r) * t, g: g + (other.g - g) * t, b: b + (other.b - b) * t)
    }
}

/// Shapes over a background, in units of the picture's height; painted with four samples a pixel.
struct Canvas: Sendable {
    enum Shape: Sendable {
        case ellipse(x: Double, y: Double, rx: Double, ry: Double)
        case box(x: Double, y: Double, w: Double, h: Double, round: Double)
        /// A trapezium with a horizontal top and bottom.
        case trapezium(x: Double, top: Double, bottom: Double, topWidth: Double, bottomWidth: Double)
        case line(x1: Double, y1: Double, x2: Double, y2: Double, width: Double)

        func contains(_ px: Double, _ py: Double) -> Bool {
            switch self {
            case .ellipse(let x, let y, let rx, let ry):
                let dx = (px - x) / rx, dy = (py - y) / ry
                return dx * dx + dy * dy <= 1
            case .box(let x, let y, let w, let h, let round):
                guard px >= x, px <= x + w, py >= y, py <= y + h else { return false }
                let cx = min(max(px, x + round), x + w - round), cy = min(max(py, y + round), y + h - round)
                return (px - cx) * (px - cx) + (py - cy) * (py - cy) <= round * round + 1e-9
            case .trapezium(let x, let top, let bottom, let topWidth, let bottomWidth):
                guard py >= top, py <= bottom else { return false }
                return abs(px - x) <= (topWidth + (bottomWidth - topWidth) * (py - top) / (bottom - top)) / 2
            case .line(let x1, let y1, let x2, let y2, let width):
                let dx = x2 - x1, dy = y2 - y1, t = min(1, max(0, ((px - x1) * dx + (py - y1) * dy) / (dx * dx + dy * dy)))
                let ex = px - x1 - t * dx, ey = py - y1 - t * dy
                return ex * ex + ey * ey <= width * width / 4
            }
        }
    }
    struct Light: Sendable { var x: Double, y: Double, radius: Double, colour: Colour }

    var top: Colour, bottom: Colour
    var shapes: [(shape: Shape, colour: Colour)] = []
    /// Soft lights, added over everything behind the shapes.
    var lights: [Light] = []

    init(_ top: UInt32, _ bottom: UInt32) { self.top = Colour(top); self.bottom = Colour(bottom) }
    mutating func add(_ shape: Shape, _ colour: UInt32) { shapes.append((shape, Colour(colour))) }

    func png(width: Int, height: Int) -> [UInt8] {
        var pixels: [UInt8] = []
        pixels.reserveCapacity(width * height * 3)
        let unit = 1 / Double(height)
        for y in 0..<height {
            for x in 0..<width {
                var r = 0.0, g = 0.0, b = 0.0
                for (sx, sy) in [(0.25, 0.25), (0.75, 0.25), (0.25, 0.75), (0.75, 0.75)] {
                    let colour = self.colour((Double(x) + sx) * unit, (Double(y) + sy) * unit)
                    r += colour.r
                    g += colour.g
                    b += colour.b
                }
                for value in [r, g, b] { pixels.append(UInt8(min(255, max(0, (value / 4 * 255).rounded())))) }
            }
        }
        return PNG.encode(width: width, height: height, pixels)
    }
    private func colour(_ x: Double, _ y: Double) -> Colour {
        for entry in shapes.reversed() where entry.shape.contains(x, y) { return entry.colour }
        var colour = top.mixed(bottom, y)
        for light in lights {
            let distance = ((x - light.x) * (x - light.x) + (y - light.y) * (y - light.y)).squareRoot() / light.radius
            if distance < 1 { colour = colour.mixed(light.colour, (1 - distance) * (1 - distance) * 0.9) }
        }
        return colour
    }
}
