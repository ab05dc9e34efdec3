import MatrixCore
import ServerKit
import Store

/// Previews of pages that messages name. https://spec.matrix.org/latest/client-server-api/#get_matrixclientv1mediapreview_url
///
/// Invariants: the server fetches only what the outbound guard lets pass, with limits of time and size; a page's picture becomes media of this
/// server, so that readers never contact the page; what was found is kept for an hour, so that a room full of readers costs the page one visit.
extension Media {
    enum PreviewLimits {
        static let pageBytes = 4 << 20, pictureBytes = 10 << 20
        static let time: Int64 = 15_000, pictureTime: Int64 = 15_000
        static let kept: Int64 = 3_600_000
        static let redirects = 5
    }

    var previewRoutes: [Route] {
        Route.all(.get, ["/_matrix/client/v1/media/preview_url", "/_matrix/media/v3/preview_url", "/_matrix/media/v1/preview_url"], limit: .media, preview)
    }

    static let previewSchema = Migration(61, "previews of pages", """
        CREATE TABLE url_preview (
            url TEXT PRIMARY KEY,
            body BLOB NOT NULL,
            expires INTEGER NOT NULL
        );
        CREATE INDEX url_preview_expires ON url_preview (expires)
        """)

    enum PreviewSQL {
        static let find = "SELECT body FROM url_preview WHERE url = ? AND expires > ?"
        static let keep = "INSERT INTO url_preview (url, body, expires) VALUES (?, ?, ?) ON CONFLICT (url) DO UPDATE SET body = excluded.body, expires = excluded.expires"
        static let forget = "DELETE FROM url_preview WHERE expires <= ?"
        static let all = [find, keep, forget]
    }

    func forgetPreviews(_ c: Context) async throws {
        let now = c.clock.now
        _ = try await c.db.write { tx in try tx.run(PreviewSQL.forget, now) }
    }

    private func preview(_ req: Request, _ c: Context) async throws -> Response {
        guard let text = req.query["url"] else { throw MatrixError.missingParam("'url' is required.") }
        _ = try req.query.int("ts", default: 0)
        guard let url = PreviewRules.pageURL(text) else { throw MatrixError.invalidParam("'url' is not the address of a page.") }
        guard c.config.urlPreviews else { throw MatrixError.notFound("This server makes no previews.") }
        let now = c.clock.now
        if let kept = try await c.db.read({ tx in try tx.first(PreviewSQL.find, url, now) { $0.bytes(0) } }) { return .json(bytes: kept) }
        let body = JSON.object(try await look(c, url, for: req.user.userID)).encoded()
        _ = try await c.db.write { tx in try tx.run(PreviewSQL.keep, url, body, now + PreviewLimits.kept) }
        return .json(bytes: body)
    }

    private func look(_ c: Context, _ url: String, for user: UserID) async throws -> JSONObject {
        let headers = [(name: "Accept", value: "text/html, application/xhtml+xml, image/*;q=0.8, */*;q=0.1")]
        let answer: OutboundResponse
        do {
            answer = try await c.outbound.send(OutboundRequest("GET", url, headers: headers, timeout: PreviewLimits.time, maxBytes: max(PreviewLimits.pageBytes, PreviewLimits.pictureBytes),
                                                               maxRedirects: PreviewLimits.redirects))
        } catch let error as OutboundError { throw Self.refusal(error) }
        guard answer.status == 200 else { throw MatrixError(502, "M_UNKNOWN", "The page answers with \(answer.status).") }
        let type = answer.headers["Content-Type"]?.lowercased() ?? ""
        if type.hasPrefix("image/") { return try await picture(c, answer, user) ?? [:] }
        guard type.isEmpty || type.hasPrefix("text/html") || type.hasPrefix("application/xhtml+xml"), answer.body.count <= PreviewLimits.pageBytes else { return [:] }
        let found = PreviewRules.properties(answer.body, charset: PreviewRules.charset(type))
        var body = JSONObject(found.filter { !$0.key.hasPrefix("og:image") }.map { (key: $0.key, value: JSON.string($0.value)) })
        if let reference = found["og:image"], let address = PreviewRules.resolve(reference, from: answer.url), let picture = try await picture(c, at: address, user) {
            body = body.merging(picture)
            if let alt = found["og:image:alt"] { body["og:image:alt"] = .string(alt) }
        }
        return body
    }

    private func picture(_ c: Context, at url: String, _ user: UserID) async throws -> JSONObject? {
        let answer: OutboundResponse
        do {
            answer = try await c.outbound.send(OutboundRequest("GET", url, headers: [(name: "Accept", value: "image/*")], timeout: PreviewLimits.pictureTime,
                                                               maxBytes: PreviewLimits.pictureBytes, maxRedirects: PreviewLimits.redirects))
        } catch is OutboundError { return nil }   // a preview without its picture is still one
        return answer.status == 200 ? try await picture(c, answer, user) : nil
    }

    /// Keeps a picture, if it is one whatever its header says.
    private func picture(_ c: Context, _ answer: OutboundResponse, _ user: UserID) async throws -> JSONObject? {
        guard !answer.body.isEmpty else { return nil }
        var rest: [UInt8]? = answer.body
        let stored = try await receive(c, limit: Int64(PreviewLimits.pictureBytes)) {
            defer { rest = nil }
            return rest
        }
        guard let width = stored.width, let height = stored.height else { return nil }
        let type = ContentTypes.judge(declared: answer.headers["Content-Type"], kind: stored.kind).type
        let mxc = try await register(c, stored, Claim(owner: user, contentType: type))
        return ["og:image": .string(mxc.rawValue), "og:image:type": .string(type), "og:image:width": .int(width), "og:image:height": .int(height), "matrix:image:size": .int(stored.size)]
    }

    private static func refusal(_ error: OutboundError) -> MatrixError {
        switch error {
        case .refused, .invalidURL: .forbidden("This address may not be fetched.")
        case .tooLarge: MatrixError(502, "M_TOO_LARGE", "The page is too large for a preview.")
        case .timeout: MatrixError(504, "M_UNKNOWN", "The page did not answer in time.")
        case .unreachable: MatrixError(502, "M_UNKNOWN", "The page cannot be reached.")
        }
    }
}
