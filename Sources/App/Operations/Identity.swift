package import ServerKit
import Store

/// What a database says of itself, without bringing it up to date.
package enum Identity {
    /// The server name that the database was made for; nil when there is none yet or it cannot be read.
    package static func serverName(_ config: Config) -> String? {
        let location: Database.Location = config.databaseURL.map { .postgres(url: $0) } ?? .sqlite(path: config.dataDirectory + "/" + Backup.databaseName)
        guard let db = try? Database.openExisting(location, migrations: []) else { return nil }   // the command that follows says why it cannot be opened
        defer { db.close() }
        return try? serverName(db)
    }

    static func serverName(_ db: Database) throws -> String? {
        try db.readNow { try $0.first("SELECT value FROM server_identity WHERE name = 'server_name'") { String(decoding: $0.bytes(0), as: UTF8.self) } }
    }
}
