package import ServerKit

/// One of the sizes that thumbnails are made in. There are few of them, so that no client can fill the disk.
package struct ThumbnailSize: Sendable, Hashable {
    package let width: Int
    package let height: Int
    package let isCrop: Bool

    package init(width: Int, height: Int, isCrop: Bool) {
        self.width = width; self.height = height; self.isCrop = isCrop
    }

    /// Part of the cached file's name.
    package var key: String { "\(width)x\(height)-\(isCrop ? "crop" : "scale")" }

    private static let boxes = [(32, 32), (96, 96), (320, 240), (640, 480), (800, 600)]
    private static let edges = [32, 96, 240, 320, 480, 640, 800]

    /// The smallest size that is not smaller than what is asked for, or the largest there is.
    package static func fitting(width: Int64, height: Int64, isCrop: Bool) -> ThumbnailSize {
        if isCrop {
            func edge(_ asked: Int64) -> Int { edges.first { $0 >= asked } ?? edges[edges.count - 1] }
            return ThumbnailSize(width: edge(width), height: edge(height), isCrop: true)
        }
        let box = boxes.first { $0.0 >= width && $0.1 >= height } ?? boxes[boxes.count - 1]
        return ThumbnailSize(width: box.0, height: box.1, isCrop: false)
    }

    /// Reads `width`, `height` and `method`.
    package init(_ query: Query) throws(MatrixError) {
        guard query["width"] != nil, query["height"] != nil else { throw .missingParam("'width' and 'height' are required.") }
        let width = try query.int("width", in: 1...1_000_000, default: 0), height = try query.int("height", in: 1...1_000_000, default: 0)
        switch query["method"] {
        case nil, "scale": self = .fitting(width: width, height: height, isCrop: false)
        case "crop": self = .fitting(width: width, height: height, isCrop: true)
        default: throw .invalidParam("'method' must be crop or scale.")
        }
    }
}
