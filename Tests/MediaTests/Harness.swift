import Glibc
import MatrixCore
@testable import Media
import ServerKit
import Store
import TestKit
import Testing

/// The Media feature alone.
final class MediaApp: Sendable {
    let app: TestApp
    let media = Media()
    let alice = TestUser(open: "alice")
    let bob = TestUser(open: "bob")

    init(_ backend: TestBackend = .preferred, config: (inout Config) -> Void = { _ in }) async throws {
        app = try await TestApp([media.feature], ports: .testing(media: media.storing), backend: backend, config: config)
    }

    func upload(_ bytes: [UInt8], type: String? = "application/octet-stream", name: String? = nil, as user: TestUser? = nil) async throws -> MXC {
        var headers = Headers()
        if let type { headers.set("Content-Type", type) }
        let path = "/_matrix/media/v3/upload" + (name.map { "?filename=" + Percent.encode($0) } ?? "")
        let answer = try await app.call(.post, path, as: user ?? alice, body: bytes, headers: headers).expect(200)
        return try #require(MXC(answer["content_uri"]))
    }

    func get(_ mxc: MXC, _ suffix: String = "", headers: Headers = [:], as user: TestUser? = nil) async -> TestResponse {
        await app.call(.get, "/_matrix/client/v1/media/download/\(mxc.server)/\(mxc.mediaID)\(suffix)", as: user ?? alice, headers: headers)
    }

    func thumbnail(_ mxc: MXC, _ query: String) async -> TestResponse {
        await app.call(.get, "/_matrix/client/v1/media/thumbnail/\(mxc.server)/\(mxc.mediaID)?\(query)", as: alice)
    }

    /// All files below `media/`, with paths relative to it.
    func files(_ folder: String) throws -> [String] {
        let root = app.context.mediaFiles.root + "/" + folder
        return try MediaFiles.list(root).flatMap { name in
            MediaFiles.size(root + "/" + name) != nil ? [name] : try MediaFiles.list(root + "/" + name)
        }.sorted()
    }
}

extension TestResponse {
    /// The body as a client gets it.
    var content: [UInt8] {
        guard case .file(let path, let range) = response.body else { return bytes }
        let all = readAll(path)
        return Array(all[Int(range.lowerBound)..<Int(range.upperBound)])
    }
    var filePath: String? { if case .file(let path, _) = response.body { path } else { nil } }
}

func readAll(_ path: String) -> [UInt8] {
    let descriptor = open(path, O_RDONLY)
    guard descriptor >= 0 else { return [] }
    defer { close(descriptor) }
    var out: [UInt8] = [], buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
        let count = read(descriptor, &buffer, buffer.count)
        guard count > 0 else { return out }
        out += buffer[..<count]
    }
}
