import MatrixCore
import ServerKit
import Store

/// E-mail addresses of accounts, the proof that somebody reads them, and where they are published.
/// Spec: https://spec.matrix.org/latest/client-server-api/#adding-account-administrative-contact-information
///
/// Invariants: an address belongs to one account at most; it is kept in canonical form; it is added only after a link sent to it was opened;
/// proof for one purpose serves no other; proof serves once.
enum ValidationPurpose: String, Sendable, Hashable {
    case register, add, password
}

struct ThirdPartyID: Sendable, Hashable {
    var medium: String
    var address: String

    var json: JSON { ["medium": .string(medium), "address": .string(address)] }
    init(medium: String, address: String) { self.medium = medium; self.address = address }
    init?(_ json: JSON?) {
        guard let medium = json?["medium"]?.stringValue, let address = json?["address"]?.stringValue else { return nil }
        self.init(medium: medium, address: address)
    }
    /// `medium` and `address` of a body, in the form in which they are compared.
    init(_ body: JSONObject) throws(MatrixError) {
        medium = try body.required(string: "medium", max: 64)
        let address = try body.required(string: "address", max: 512)
        switch medium {
        case "email":
            guard let canonical = EMail.canonical(address) else { throw .invalidParam("'address' is not an e-mail address.") }
            self.address = canonical
        case "msisdn": self.address = address
        default: throw .invalidParam("'medium' must be email or msisdn.")
        }
    }
}

enum ThirdPartyRules {
    /// A link is good for a day, and what it proved as long.
    static let lifetime: Int64 = 86_400_000

    static func clientSecret(_ body: JSONObject) throws(MatrixError) -> String {
        let secret = try body.required(string: "client_secret", max: 255)
        guard !secret.isEmpty, secret.utf8.allSatisfy({ isSecret($0) }) else { throw .invalidParam("'client_secret' has only the characters 0-9, a-z, A-Z and . = _ -.") }
        return secret
    }
    private static func isSecret(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
        default: ".=_-".utf8.contains(byte)
        }
    }

    /// Where the browser goes on after the link; only to web pages.
    static func nextLink(_ body: JSONObject) throws(MatrixError) -> String? {
        guard let link = try body.string("next_link", max: 2048), !link.isEmpty else { return nil }
        guard link.hasPrefix("https://") || link.hasPrefix("http://"), link.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw .invalidParam("'next_link' must be a web address.")
        }
        return link
    }

    /// The secret part of a link: made of the session's id and the server's key, so that every mail of a session carries the same link.
    static func token(_ c: Context, sid: String) -> String {
        Base64.encodeURLSafe(HMAC.sha256(key: c.signing.key.seed, Array("comptoir e-mail confirmation \(sid)".utf8)))
    }
}

/// Somebody proves that he reads an address.
struct ValidationSession: Sendable {
    var sid: String
    var purpose: ValidationPurpose
    var id: ThirdPartyID
    var sendAttempt: Int64
    var nextLink: String?
    var isValidated: Bool
}

enum ThirdPartyStore {
    struct Contact: Sendable {
        var id: ThirdPartyID
        var validated: Int64
        var added: Int64
    }

    static func user(_ tx: ReadTx, _ id: ThirdPartyID) throws -> UserID? {
        try tx.first(SQL.user, id.medium, id.address) { UserID(trusted: $0.text(0)) }
    }
    static func contacts(_ tx: ReadTx, of user: UserID) throws -> [Contact] {
        try tx.all(SQL.contacts, user) { Contact(id: ThirdPartyID(medium: $0.text(0), address: $0.text(1)), validated: $0.int(2), added: $0.int(3)) }
    }
    /// Throws M_THREEPID_IN_USE when the address is another account's.
    static func add(_ tx: WriteTx, _ id: ThirdPartyID, to user: UserID, validated: Int64, now: Int64) throws {
        if let owner = try Self.user(tx, id) {
            guard owner == user else { throw MatrixError.thirdPartyInUse() }
            return
        }
        try tx.run(SQL.add, id.medium, id.address, user, validated, now)
    }
    static func delete(_ tx: WriteTx, _ id: ThirdPartyID, of user: UserID) throws { try tx.run(SQL.delete, id.medium, id.address, user) }
    static func deleteAll(_ tx: WriteTx, of user: UserID) throws { try tx.run(SQL.deleteAll, user) }

    // MARK: where they are published

    static func bind(_ tx: WriteTx, _ id: ThirdPartyID, of user: UserID, at server: String) throws { try tx.run(SQL.bind, user, id.medium, id.address, server) }
    static func unbind(_ tx: WriteTx, _ id: ThirdPartyID, of user: UserID, at server: String) throws { try tx.run(SQL.unbind, user, id.medium, id.address, server) }
    static func servers(_ tx: ReadTx, _ id: ThirdPartyID, of user: UserID) throws -> [String] { try tx.all(SQL.servers, user, id.medium, id.address) { $0.text(0) } }
    static func bindings(_ tx: ReadTx, of user: UserID) throws -> [(id: ThirdPartyID, server: String)] {
        try tx.all(SQL.bindings, user) { (id: ThirdPartyID(medium: $0.text(0), address: $0.text(1)), server: $0.text(2)) }
    }
    static func unbindAll(_ tx: WriteTx, of user: UserID) throws { try tx.run(SQL.unbindAll, user) }

    // MARK: proof

    static func session(_ tx: ReadTx, secret: String, _ purpose: ValidationPurpose, _ id: ThirdPartyID, since: Int64) throws -> ValidationSession? {
        try tx.first(SQL.sessionOf, secret, id.address, purpose.rawValue, since, row: session)
    }
    static func session(_ tx: ReadTx, sid: String, since: Int64) throws -> ValidationSession? { try tx.first(SQL.session, sid, since, row: session) }
    /// The address that was proved in this session, for this purpose.
    static func proved(_ tx: ReadTx, sid: String, secret: String, _ purpose: ValidationPurpose, since: Int64) throws -> (id: ThirdPartyID, at: Int64)? {
        try tx.first(SQL.proved, sid, secret, purpose.rawValue, since) { (id: ThirdPartyID(medium: $0.text(0), address: $0.text(1)), at: $0.int(2)) }
    }
    static func insert(_ tx: WriteTx, _ session: ValidationSession, secret: String, now: Int64) throws {
        try tx.run(SQL.insertSession, session.sid, secret, session.id.medium, session.id.address, session.purpose.rawValue, session.sendAttempt, session.nextLink, now)
    }
    static func sentAgain(_ tx: WriteTx, sid: String, attempt: Int64, nextLink: String?) throws { try tx.run(SQL.sentAgain, attempt, nextLink, sid) }
    static func validate(_ tx: WriteTx, sid: String, now: Int64) throws { try tx.run(SQL.validate, now, sid) }
    static func deleteSession(_ tx: WriteTx, sid: String) throws { try tx.run(SQL.deleteSession, sid) }
    static func deleteOldSessions(_ tx: WriteTx, before: Int64) throws { try tx.run(SQL.deleteOldSessions, before) }

    private static func session(_ row: Row) throws -> ValidationSession {
        ValidationSession(sid: row.text(0), purpose: ValidationPurpose(rawValue: row.text(1)) ?? .add, id: ThirdPartyID(medium: row.text(2), address: row.text(3)),
                          sendAttempt: row.int(4), nextLink: row.textOrNil(5), isValidated: !row.isNull(6))
    }

    enum SQL {
        static let all = [user, contacts, add, delete, deleteAll, bind, unbind, servers, bindings, unbindAll, sessionOf, session, proved, insertSession, sentAgain,
                          validate, deleteSession, deleteOldSessions]
        static let user = "SELECT user_id FROM threepid WHERE medium = ? AND address = ?"
        static let contacts = "SELECT medium, address, validated, added FROM threepid WHERE user_id = ? ORDER BY added, address"
        static let add = "INSERT INTO threepid (medium, address, user_id, validated, added) VALUES (?, ?, ?, ?, ?)"
        static let delete = "DELETE FROM threepid WHERE medium = ? AND address = ? AND user_id = ?"
        static let deleteAll = "DELETE FROM threepid WHERE user_id = ?"
        static let bind = "INSERT INTO threepid_binding (user_id, medium, address, server) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
        static let unbind = "DELETE FROM threepid_binding WHERE user_id = ? AND medium = ? AND address = ? AND server = ?"
        static let servers = "SELECT server FROM threepid_binding WHERE user_id = ? AND medium = ? AND address = ? ORDER BY server"
        static let bindings = "SELECT medium, address, server FROM threepid_binding WHERE user_id = ? ORDER BY medium, address, server"
        static let unbindAll = "DELETE FROM threepid_binding WHERE user_id = ?"
        private static let fields = "sid, purpose, medium, address, send_attempt, next_link, validated"
        static let sessionOf = "SELECT \(fields) FROM validation_session WHERE client_secret = ? AND address = ? AND purpose = ? AND created >= ?"
        static let session = "SELECT \(fields) FROM validation_session WHERE sid = ? AND created >= ?"
        static let proved = """
            SELECT medium, address, validated FROM validation_session
            WHERE sid = ? AND client_secret = ? AND purpose = ? AND created >= ? AND validated IS NOT NULL
            """
        static let insertSession = """
            INSERT INTO validation_session (sid, client_secret, medium, address, purpose, send_attempt, next_link, created, validated)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL)
            """
        static let sentAgain = "UPDATE validation_session SET send_attempt = ?, next_link = ? WHERE sid = ?"
        static let validate = "UPDATE validation_session SET validated = ? WHERE sid = ? AND validated IS NULL"
        static let deleteSession = "DELETE FROM validation_session WHERE sid = ?"
        static let deleteOldSessions = "DELETE FROM validation_session WHERE created < ?"
    }

    static let schema = Migration(20, "e-mail addresses of accounts", """
        CREATE TABLE threepid (
            medium TEXT NOT NULL,
            address TEXT NOT NULL,
            user_id TEXT NOT NULL REFERENCES account (user_id),
            validated INTEGER NOT NULL,
            added INTEGER NOT NULL,
            PRIMARY KEY (medium, address)
        );
        CREATE INDEX threepid_user ON threepid (user_id);
        CREATE TABLE threepid_binding (
            user_id TEXT NOT NULL REFERENCES account (user_id),
            medium TEXT NOT NULL,
            address TEXT NOT NULL,
            server TEXT NOT NULL,
            PRIMARY KEY (user_id, medium, address, server)
        );
        CREATE TABLE validation_session (
            sid TEXT PRIMARY KEY,
            client_secret TEXT NOT NULL,
            medium TEXT NOT NULL,
            address TEXT NOT NULL,
            purpose TEXT NOT NULL,
            send_attempt INTEGER NOT NULL,
            next_link TEXT,
            created INTEGER NOT NULL,
            validated INTEGER
        );
        CREATE INDEX validation_session_secret ON validation_session (client_secret, address, purpose);
        CREATE INDEX validation_session_created ON validation_session (created);
        """)
}

extension MatrixError {
    static func thirdPartyInUse() -> MatrixError { .init(400, "M_THREEPID_IN_USE", "This address belongs to an account already.") }
    static func thirdPartyNotFound() -> MatrixError { .init(400, "M_THREEPID_NOT_FOUND", "No account has this address.") }
    static func thirdPartyUnproved() -> MatrixError { .init(400, "M_THREEPID_AUTH_FAILED", "The address has not been confirmed.") }
    static func mediumNotSupported(_ what: String) -> MatrixError { .init(400, "M_THREEPID_MEDIUM_NOT_SUPPORTED", what) }
}
