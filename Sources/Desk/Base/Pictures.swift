import MatrixCore
import ServerKit
import Store

/// Pictures that anyone may see: agents' faces and brands' logos. Small, never changed (a new picture has a new id).
enum Pictures {
    static let largest = 512 << 10

    static func path(_ id: String?) -> String? { id.map { "/_comptoir/widget/v1/pictures/" + $0 } }

    /// The type by the bytes; what a request says of them is not believed.
    static func check(_ bytes: [UInt8]) throws(DeskError) -> String {
        guard bytes.count <= largest else { throw DeskError(.tooLarge, en: "A picture has at most 512 KiB.", fr: "Une image pèse au plus 512 Kio.") }
        if bytes.starts(with: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) { return "image/png" }
        if bytes.starts(with: [0xFF, 0xD8, 0xFF]) { return "image/jpeg" }
        if bytes.count > 12, bytes.starts(with: Array("RIFF".utf8)), bytes[8..<12].elementsEqual("WEBP".utf8) { return "image/webp" }
        throw DeskError(.unsupportedType, en: "A picture must be PNG, JPEG or WebP.", fr: "Une image doit être au format PNG, JPEG ou WebP.")
    }
    static func add(_ unit: Unit, bytes: [UInt8], type: String) throws -> String {
        let id = unit.newID("pc")
        try unit.tx.run("INSERT INTO desk_picture(id, type, bytes, created_at) VALUES (?, ?, ?, ?)", id, type, bytes, unit.now)
        return id
    }
    static func remove(_ unit: Unit, _ id: String?) throws {
        if let id { try unit.tx.run("DELETE FROM desk_picture WHERE id = ?", id) }
    }
    static func get(_ c: Context, id: String) async throws -> Response {
        let found = try await c.db.read { try $0.first("SELECT type, bytes FROM desk_picture WHERE id = ?", id) { ($0.text(0), $0.bytes(1)) } }
        guard let (type, bytes) = found else { throw DeskError.notFound }
        return Response(200, headers: ["Content-Type": type, "Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff",
                                       "Content-Security-Policy": "default-src 'none'; sandbox", "Cross-Origin-Resource-Policy": "cross-origin"], body: .bytes(bytes))
    }
}
