@testable import Media
import ServerKit
import Testing

@Suite struct ThumbnailSizeTests {
    @Test(arguments: [
        ("width=32&height=32&method=crop", "32x32-crop"),
        ("width=1&height=1&method=crop", "32x32-crop"),
        ("width=40&height=40&method=crop", "96x96-crop"),
        ("width=100&height=50&method=crop", "240x96-crop"),
        ("width=9999&height=9999&method=crop", "800x800-crop"),
        ("width=30&height=30", "32x32-scale"),
        ("width=96&height=96&method=scale", "96x96-scale"),
        ("width=97&height=1&method=scale", "320x240-scale"),
        ("width=320&height=240", "320x240-scale"),
        ("width=321&height=240", "640x480-scale"),
        ("width=800&height=600", "800x600-scale"),
        ("width=5000&height=10", "800x600-scale"),
    ])
    func isRoundedUp(query: String, key: String) throws {
        let query = try #require(Percent.query(query))
        #expect(try ThumbnailSize(query).key == key)
    }

    @Test(arguments: ["", "width=10", "height=10", "width=0&height=10", "width=-1&height=10", "width=a&height=10", "width=10&height=10&method=stretch", "width=99999999999&height=1"])
    func isRefused(query: String) throws {
        let query = try #require(Percent.query(query))
        #expect(throws: MatrixError.self) { try ThumbnailSize(query) }
    }
}
