/// The demo's pictures: faces of agents, the logo, and what customers photograph.
enum DemoPictures {
    struct Face: Sendable {
        var background: UInt32
        var shirt: UInt32
        var skin: UInt32
        var hair: UInt32
        var isLong: Bool
        var glasses = false
        var beard = false
    }

    static func face(_ face: Face, size: Int = 160) -> [UInt8] {
        var canvas = Canvas(face.background, face.background &- 0x0A0A0A)
        if face.isLong { canvas.add(.box(x: 0.27, y: 0.26, w: 0.46, h: 0.50, round: 0.2), face.hair) }
        canvas.add(.ellipse(x: 0.5, y: 1.06, rx: 0.40, ry: 0.34), face.shirt)
        canvas.add(.box(x: 0.43, y: 0.58, w: 0.14, h: 0.20, round: 0.06), face.skin &- 0x101010)
        canvas.add(.ellipse(x: 0.5, y: 0.44, rx: 0.19, ry: 0.235), face.skin)
        canvas.add(.ellipse(x: 0.5, y: 0.29, rx: 0.215, ry: 0.13), face.hair)
        canvas.add(.ellipse(x: 0.5, y: 0.40, rx: 0.165, ry: 0.10), face.skin)
        if face.beard {
            canvas.add(.ellipse(x: 0.5, y: 0.60, rx: 0.14, ry: 0.095), face.hair)
            canvas.add(.ellipse(x: 0.5, y: 0.53, rx: 0.15, ry: 0.07), face.skin)
        }
        for x in [0.43, 0.57] {
            if face.glasses {
                canvas.add(.ellipse(x: x, y: 0.45, rx: 0.062, ry: 0.058), 0x2B2B33)
                canvas.add(.ellipse(x: x, y: 0.45, rx: 0.050, ry: 0.046), face.skin &+ 0x060606)
            }
            canvas.add(.ellipse(x: x, y: 0.45, rx: 0.018, ry: 0.022), 0x26222A)
        }
        if face.glasses { canvas.add(.line(x1: 0.485, y1: 0.445, x2: 0.515, y2: 0.445, width: 0.012), 0x2B2B33) }
        canvas.add(.line(x1: 0.46, y1: 0.565, x2: 0.54, y2: 0.565, width: 0.018), 0xB4564C)
        return canvas.png(width: size, height: size)
    }

    static func logo(size: Int = 160) -> [UInt8] {
        var canvas = Canvas(0x9A3D12, 0x7C2E0B)
        canvas.lights = [Canvas.Light(x: 0.5, y: 0.62, radius: 0.5, colour: Colour(0xFFD79A))]
        canvas.add(.line(x1: 0.5, y1: 0, x2: 0.5, y2: 0.3, width: 0.03), 0xFFF3E2)
        canvas.add(.trapezium(x: 0.5, top: 0.28, bottom: 0.58, topWidth: 0.16, bottomWidth: 0.62), 0xFFF3E2)
        canvas.add(.ellipse(x: 0.5, y: 0.60, rx: 0.12, ry: 0.09), 0xFFE9A8)
        return canvas.png(width: size, height: size)
    }

    /// A table lamp in a living room; `isBroken` shows a crack in its shade.
    static func lamp(shade: UInt32, wall: UInt32, isLit: Bool, isBroken: Bool = false, height: Int = 300) -> [UInt8] {
        var canvas = Canvas(wall, wall &- 0x0C0C0C)
        if isLit { canvas.lights = [Canvas.Light(x: 0.66, y: 0.42, radius: 0.62, colour: Colour(0xFFE0A0))] }
        canvas.add(.box(x: 0, y: 0.80, w: 2, h: 0.3, round: 0), 0x8A5A36)
        canvas.add(.box(x: 0, y: 0.80, w: 2, h: 0.012, round: 0), 0xA87448)
        canvas.add(.ellipse(x: 0.66, y: 0.81, rx: 0.15, ry: 0.035), 0xB08D57)
        canvas.add(.line(x1: 0.66, y1: 0.80, x2: 0.66, y2: 0.48, width: 0.025), 0xC7A267)
        canvas.add(.trapezium(x: 0.66, top: 0.20, bottom: 0.50, topWidth: 0.26, bottomWidth: 0.50), shade)
        canvas.add(.trapezium(x: 0.60, top: 0.20, bottom: 0.50, topWidth: 0.05, bottomWidth: 0.10), isLit ? 0xFFF1CF : shade &+ 0x0A0A0A)
        if isBroken {
            canvas.add(.line(x1: 0.70, y1: 0.20, x2: 0.74, y2: 0.31, width: 0.012), 0x2A211C)
            canvas.add(.line(x1: 0.74, y1: 0.31, x2: 0.70, y2: 0.38, width: 0.012), 0x2A211C)
            canvas.add(.line(x1: 0.70, y1: 0.38, x2: 0.77, y2: 0.50, width: 0.014), 0x2A211C)
        }
        canvas.add(.box(x: 0.98, y: 0.70, w: 0.22, h: 0.035, round: 0.008), 0x3E6B66)
        canvas.add(.box(x: 0.96, y: 0.735, w: 0.26, h: 0.035, round: 0.008), 0xB4541A)
        canvas.add(.box(x: 0.97, y: 0.77, w: 0.24, h: 0.03, round: 0.008), 0xE6D3B3)
        return canvas.png(width: height * 4 / 3, height: height)
    }

    /// A parcel with a torn corner.
    static func parcel(height: Int = 300) -> [UInt8] {
        var canvas = Canvas(0xC9CED6, 0xAEB4BE)
        canvas.add(.box(x: 0, y: 0.72, w: 2, h: 0.4, round: 0), 0x777C86)
        canvas.add(.box(x: 0.30, y: 0.28, w: 0.72, h: 0.52, round: 0.015), 0xC29A66)
        canvas.add(.box(x: 0.61, y: 0.28, w: 0.10, h: 0.52, round: 0), 0xE2CFA8)
        canvas.add(.trapezium(x: 0.96, top: 0.26, bottom: 0.42, topWidth: 0.20, bottomWidth: 0.02), 0xC0C5CE)
        canvas.add(.line(x1: 0.86, y1: 0.27, x2: 0.95, y2: 0.43, width: 0.018), 0x6E5231)
        canvas.add(.line(x1: 0.95, y1: 0.43, x2: 1.02, y2: 0.40, width: 0.014), 0x6E5231)
        canvas.add(.box(x: 0.36, y: 0.58, w: 0.18, h: 0.14, round: 0.008), 0xF6F4EE)
        for line in 0..<3 { canvas.add(.line(x1: 0.38, y1: 0.61 + Double(line) * 0.035, x2: 0.52 - Double(line) * 0.03, y2: 0.61 + Double(line) * 0.035, width: 0.008), 0x5A5A5A) }
        return canvas.png(width: height * 4 / 3, height: height)
    }

    /// A room that wants light: a pendant over a table.
    static func room(shade: UInt32, height: Int = 300) -> [UInt8] {
        var canvas = Canvas(0xDDE3DF, 0xC8CFC9)
        canvas.lights = [Canvas.Light(x: 0.66, y: 0.36, radius: 0.55, colour: Colour(0xFFEBC2))]
        canvas.add(.box(x: 0.08, y: 0.14, w: 0.26, h: 0.40, round: 0.01), 0xF5F7F8)
        canvas.add(.box(x: 0.10, y: 0.16, w: 0.22, h: 0.36, round: 0.005), 0xA9CBE3)
        canvas.add(.line(x1: 0.66, y1: 0, x2: 0.66, y2: 0.22, width: 0.010), 0x333333)
        canvas.add(.trapezium(x: 0.66, top: 0.21, bottom: 0.34, topWidth: 0.08, bottomWidth: 0.36), shade)
        canvas.add(.ellipse(x: 0.66, y: 0.35, rx: 0.07, ry: 0.035), 0xFFF3C9)
        canvas.add(.box(x: 0.32, y: 0.66, w: 0.70, h: 0.035, round: 0.01), 0x7A5234)
        for x in [0.38, 0.94] { canvas.add(.box(x: x, y: 0.69, w: 0.03, h: 0.24, round: 0.005), 0x6A462C) }
        canvas.add(.ellipse(x: 0.66, y: 0.635, rx: 0.09, ry: 0.035), 0x5E8C6A)
        canvas.add(.box(x: 0, y: 0.93, w: 2, h: 0.1, round: 0), 0xA98D6D)
        return canvas.png(width: height * 4 / 3, height: height)
    }
}
