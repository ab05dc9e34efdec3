import MatrixCore
import ServerKit
import Store

// Endpoints: https://spec.matrix.org/latest/client-server-api/#content-repository
// The older paths (`/_matrix/media/v3/…`) answer whoever sends a valid token, and nobody else unless the media is public or
// the setting says so: for others older media is "frozen" (MSC3916).

extension Media {
    private static let old = ["/_matrix/media/v3", "/_matrix/media/v1"]
    private static let new = "/_matrix/client/v1/media"

    var routes: [Route] {
        let upload: Route.Handler = { req, c in
            let mxc = try await self.upload(req, c)
            return .json(["content_uri": .string(mxc.rawValue)])
        }
        let config: Route.Handler = { _, c in .json(["m.upload.size": .int(c.config.maxUploadBytes)]) }
        var routes = Route.all(.post, Self.old.map { $0 + "/upload" }, limit: .media, body: .streamed, upload)
        routes += [
            Route(.post, "/_matrix/media/v1/create", limit: .media) { req, c in
                let (mxc, expires) = try await self.reserve(c, owner: req.user.userID)
                return .json(["content_uri": .string(mxc.rawValue), "unused_expires_at": .int(expires)])
            },
            Route(.put, "/_matrix/media/v3/upload/{serverName}/{mediaId}", limit: .media, body: .streamed) { req, c in
                try await self.uploadReserved(req, c)
            },
            Route(.put, "/_comptoir/admin/v1/media/{serverName}/{mediaId}/public", auth: .admin) { req, c in
                guard let isPublic = try req.json().bool("public") else { throw MatrixError.missingParam("'public' is required.") }
                try await self.setPublic(c, id: try Self.localID(req, c), isPublic)
                return .empty
            },
        ]
        routes += Route.all(.get, Self.old.map { $0 + "/config" } + [Self.new + "/config"], auth: .guest, config)
        for (paths, auth) in [([Self.new], Auth.guest), (Self.old, Auth.optional)] {
            let isOld = auth == .optional
            routes += Route.all(.get, paths.flatMap { [$0 + "/download/{serverName}/{mediaId}", $0 + "/download/{serverName}/{mediaId}/{fileName}"] }, auth: auth) { req, c in
                try await self.download(req, c, isOld: isOld)
            }
            routes += Route.all(.get, paths.map { $0 + "/thumbnail/{serverName}/{mediaId}" }, auth: auth) { req, c in
                try await self.thumbnail(req, c, isOld: isOld)
            }
        }
        return routes
    }

    // MARK: uploading

    private func upload(_ req: Request, _ c: Context) async throws -> MXC {
        let stored = try await receive(req, c)
        return try await register(c, stored, claim(req))
    }

    private func uploadReserved(_ req: Request, _ c: Context) async throws -> Response {
        let id = try Self.localID(req, c), owner = req.user.userID, now = c.clock.now
        try await c.db.read { tx in try Self.checkReservation(tx, id: id, owner: owner, now: now) }
        let stored = try await receive(req, c)
        try await fill(c, id: id, stored, claim(req))
        return .empty
    }

    private func claim(_ req: Request) -> Claim {
        Claim(owner: req.user.userID, contentType: req.headers["Content-Type"], fileName: req.query["filename"])
    }

    private func receive(_ req: Request, _ c: Context) async throws -> Stored {
        let limit = c.config.maxUploadBytes
        if let length = req.headers["Content-Length"].flatMap({ Int64($0) }), length > limit { throw Self.tooLarge(limit) }
        guard let stream = req.stream else {
            var rest: [UInt8]? = req.body
            return try await receive(c, limit: limit) {
                defer { rest = nil }
                return rest
            }
        }
        return try await receive(c, limit: limit) { try await stream.next() }
    }

    // MARK: serving

    /// The media id of the path. Other servers' media is not there.
    static func localID(_ req: Request, _ c: Context) throws -> String {
        let server = try req.param("serverName"), id = try req.param("mediaId")
        guard server == c.serverName, MXC.isValidMediaID(id), id.utf8.count <= 128 else { throw MatrixError.notFound("There is no such media.") }
        return id
    }

    private func content(_ req: Request, _ c: Context, isOld: Bool) async throws -> (item: Item, sha256: String) {
        let id = try Self.localID(req, c)
        let timeout = min(try req.query.int("timeout_ms", default: 20_000), 60_000)
        if isOld, req.session == nil, !c.config.unauthenticatedMedia {
            // Told apart from media that does not exist by nothing.
            guard try await item(c, id: id).isPublic else { throw MatrixError.notFound("There is no such media.") }
        }
        let looks = try req.session?.isAdmin == true && req.query.bool("admin_unsafely_bypass_quarantine")
        return try await content(c, id: id, timeout: timeout, evenQuarantined: looks)
    }

    private func download(_ req: Request, _ c: Context, isOld: Bool) async throws -> Response {
        let (item, sha256) = try await content(req, c, isOld: isOld)
        let path = c.mediaFiles.path(of: sha256)
        guard MediaFiles.size(path) == item.size else { throw FileError("find the whole of", path) }
        var headers = Self.headers(type: item.contentType, disposition: FileNames.disposition(inline: item.isInline, name: req.params["fileName"] ?? item.name),
                                   tag: "\"\(sha256.prefix(32))\"", isPublic: item.isPublic)
        headers.add("Accept-Ranges", "bytes")
        return Self.serve(req, path: path, size: item.size, headers: headers)
    }

    private func thumbnail(_ req: Request, _ c: Context, isOld: Bool) async throws -> Response {
        let size = try ThumbnailSize(req.query)
        _ = try req.query.bool("animated")   // a still picture is a good answer to both
        let (item, sha256) = try await content(req, c, isOld: isOld)
        do {
            let made = try await thumbnailer.thumbnail(of: sha256, size, in: c.mediaFiles, entropy: c.entropy)
            let name = made.isPNG ? "thumbnail.png" : "thumbnail.jpg"
            let headers = Self.headers(type: made.contentType, disposition: FileNames.disposition(inline: true, name: name),
                                       tag: "\"\(sha256.prefix(32))-\(size.key)\"", isPublic: item.isPublic)
            return Self.serve(req, path: made.path, size: made.size, headers: headers)
        } catch Thumbnailer.Failure.unreadable {
            throw MatrixError.badRequest("This media is no picture that a thumbnail can be made of.")
        } catch Thumbnailer.Failure.tooLarge {
            throw MatrixError.tooLarge("The picture has too many pixels for a thumbnail.")
        }
    }

    /// What every answer with media carries: it is cached for good, and a browser that opens it runs nothing.
    private static func headers(type: String, disposition: String, tag: String, isPublic: Bool) -> Headers {
        [
            "Content-Type": type,
            "Content-Disposition": disposition,
            "ETag": tag,
            "Cache-Control": isPublic ? "public, max-age=31536000, immutable" : "private, max-age=31536000, immutable",
            "Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'; media-src 'self'",
            "Cross-Origin-Resource-Policy": "cross-origin",
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
        ]
    }

    private static func serve(_ req: Request, path: String, size: Int64, headers: Headers) -> Response {
        var headers = headers
        let tag = headers["ETag"] ?? ""
        if let known = req.headers["If-None-Match"], known == "*" || known.split(separator: ",").contains(where: { matches($0, tag) }) {
            return Response(304, headers: headers)
        }
        let isSame = req.headers["If-Range"].map { $0 == tag } ?? true
        switch isSame ? ByteRange(req.headers["Range"], size: size) : .whole {
        case .whole:
            return Response(200, headers: headers, body: size == 0 ? .bytes([]) : .file(path: path, range: 0..<size))
        case .part(let range):
            headers.add("Content-Range", "bytes \(range.lowerBound)-\(range.upperBound - 1)/\(size)")
            return Response(206, headers: headers, body: .file(path: path, range: range))
        case .unsatisfiable:
            var response = MatrixError(416, "M_UNKNOWN", "The file has \(size) bytes; nothing of it is in that range.").response(language: "en")
            response.headers.add("Content-Range", "bytes */\(size)")
            return response
        }
    }

    /// Weak comparison of one entry of If-None-Match.
    private static func matches(_ entry: Substring, _ tag: String) -> Bool {
        let entry = entry.drop { $0 == " " }
        let strong = entry.hasPrefix("W/") ? entry.dropFirst(2) : entry
        return strong.prefix { $0 != " " } == tag
    }
}
