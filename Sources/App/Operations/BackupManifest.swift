import MatrixCore

extension Backup {
    /// What an archive holds, as its last file says.
    struct Manifest: Equatable {
        /// 1: everything is in the archive. 2: media lies beside it, in a store that archives share.
        static let formats: ClosedRange<Int64> = 1...2
        struct File: Equatable { var name: String; var size: Int64; var sha256: String }
        var serverName: String
        var createdAt: Int64
        var database: String
        /// Numbers of the migrations that the database has; empty in archives from before this was written down.
        var migrations: [Int64] = []
        var files: [File]
        /// Media in the store, by its hash; nil when the archive holds it itself.
        var stored: [File]?

        var json: JSON {
            func list(_ files: [File]) -> JSON { .array(files.map { ["name": .string($0.name), "size": .int($0.size), "sha256": .string($0.sha256)] }) }
            var json: JSONObject = [
                "format": .int(stored == nil ? 1 : 2), "program": "comptoir", "server_name": .string(serverName), "created_at": .int(createdAt),
                "database": .string(database), "migrations": .array(migrations.map { .int($0) }), "files": list(files),
            ]
            if let stored { json["stored"] = list(stored) }
            return .object(json)
        }
        init(serverName: String, createdAt: Int64, database: String, migrations: [Int64] = [], files: [File], stored: [File]? = nil) {
            self.serverName = serverName; self.createdAt = createdAt; self.database = database
            self.migrations = migrations; self.files = files; self.stored = stored
        }
        init?(_ bytes: [UInt8]) throws {
            let json = try JSON.parse(bytes, limits: JSONLimits(bytes: bytes.count))
            guard json["program"] == "comptoir", let server = json["server_name"]?.stringValue, let created = json["created_at"]?.intValue,
                  let database = json["database"]?.stringValue, let format = json["format"]?.intValue else { return nil }
            guard Self.formats.contains(format) else { throw Failure("it was made by a version of comptoir that this one does not understand") }
            func list(_ key: String) -> [File]? {
                guard let entries = json[key]?.arrayValue else { return nil }
                var files: [File] = []
                for entry in entries {
                    guard let name = entry["name"]?.stringValue, let size = entry["size"]?.intValue, let hash = entry["sha256"]?.stringValue else { return nil }
                    files.append(File(name: name, size: size, sha256: hash))
                }
                return files
            }
            guard let files = list("files") else { return nil }
            let stored = list("stored")
            guard (stored != nil) == (format == 2), stored?.allSatisfy({ MediaStore.isHash($0.sha256) && $0.name == $0.sha256 }) ?? true else { return nil }
            let migrations = json["migrations"]?.arrayValue?.compactMap(\.intValue) ?? []
            self.init(serverName: server, createdAt: created, database: database, migrations: migrations, files: files, stored: stored)
        }

        /// The manifest of an archive, without reading the rest of it.
        static func read(_ archive: String) throws -> Manifest? {
            var reader = try TarReader(path: archive)
            while let entry = try reader.next() {
                guard entry.name == manifestName else { continue }
                var bytes: [UInt8] = []
                while let piece = try reader.piece() { bytes += piece }
                return try Manifest(bytes)
            }
            return nil
        }
    }
}
