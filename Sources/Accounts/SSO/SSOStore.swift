import MatrixCore
import ServerKit
import Store

/// Somebody on his way to a provider and back.
struct SSOAttempt: Sendable, Hashable {
    var provider: String
    var nonce: String
    var verifier: String
    var goal: SSOGoal
}

/// What a sign-in at a provider is for.
enum SSOGoal: Sendable, Hashable {
    /// A login token for the client at this address.
    case login(redirect: String)
    /// A stage of a user-interactive authentication.
    case stage(session: String)
}

enum SSOStore {
    static func user(_ tx: ReadTx, provider: String, subject: String) throws -> UserID? {
        try tx.first(SQL.user, provider, subject) { UserID(trusted: $0.text(0)) }
    }
    static func providers(_ tx: ReadTx, of user: UserID) throws -> [String] { try tx.all(SQL.providers, user) { $0.text(0) } }
    static func link(_ tx: WriteTx, provider: String, subject: String, to user: UserID) throws { try tx.run(SQL.link, provider, subject, user) }
    /// The account has ended: the next sign-in makes a new one.
    static func forget(_ tx: WriteTx, _ user: UserID) throws { try tx.run(SQL.forget, user) }

    static func begin(_ tx: WriteTx, state: TokenHash, _ attempt: SSOAttempt, now: Int64) throws {
        var redirect: String?, session: String?
        switch attempt.goal {
        case .login(let address): redirect = address
        case .stage(let id): session = id
        }
        try tx.run(SQL.begin, state.bytes, attempt.provider, attempt.nonce, attempt.verifier, redirect, session, now)
    }
    /// Each attempt comes back once.
    static func take(_ tx: WriteTx, state: TokenHash, since: Int64) throws -> SSOAttempt? {
        let found = try tx.first(SQL.find, state.bytes, since) { row in
            SSOAttempt(provider: row.text(0), nonce: row.text(1), verifier: row.text(2),
                       goal: row.textOrNil(3).map { .login(redirect: $0) } ?? .stage(session: row.text(4)))
        }
        if found != nil { try tx.run(SQL.delete, state.bytes) }
        return found
    }
    static func deleteOldAttempts(_ tx: WriteTx, before: Int64) throws { try tx.run(SQL.deleteOld, before) }

    enum SQL {
        static let all = [user, providers, link, forget, begin, find, delete, deleteOld]
        static let user = "SELECT user_id FROM external_id WHERE provider = ? AND subject = ?"
        static let providers = "SELECT provider FROM external_id WHERE user_id = ? ORDER BY provider"
        static let link = "INSERT INTO external_id (provider, subject, user_id) VALUES (?, ?, ?)"
        static let forget = "DELETE FROM external_id WHERE user_id = ?"
        static let begin = "INSERT INTO sso_attempt (state, provider, nonce, verifier, redirect, uia_session, created) VALUES (?, ?, ?, ?, ?, ?, ?)"
        static let find = "SELECT provider, nonce, verifier, redirect, uia_session FROM sso_attempt WHERE state = ? AND created >= ?"
        static let delete = "DELETE FROM sso_attempt WHERE state = ?"
        static let deleteOld = "DELETE FROM sso_attempt WHERE created < ?"
    }

    static let schema = Migration(21, "single sign-on", """
        CREATE TABLE external_id (
            provider TEXT NOT NULL,
            subject TEXT NOT NULL,
            user_id TEXT NOT NULL REFERENCES account (user_id),
            PRIMARY KEY (provider, subject)
        );
        CREATE INDEX external_id_user ON external_id (user_id);
        CREATE TABLE sso_attempt (
            state BLOB PRIMARY KEY,
            provider TEXT NOT NULL,
            nonce TEXT NOT NULL,
            verifier TEXT NOT NULL,
            redirect TEXT,
            uia_session TEXT,
            created INTEGER NOT NULL
        );
        CREATE INDEX sso_attempt_created ON sso_attempt (created);
        """)
}
