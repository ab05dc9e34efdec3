import App
import ArgumentParser
import ServerKit

struct BackupCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup",
        abstract: "Saves database, media and keys in one file, while the server runs.",
        discussion: """
            The file is a tar archive that only its owner may read: it holds the server's keys. It is read back and compared before it gets \
            its name. A PostgreSQL database is saved by pg_dump.
            """)
    @OptionGroup var place: PlaceOptions
    @Argument(help: "File to make, or a directory in which one is made.") var target: String

    func run() throws {
        let config = try place.load(), progress = ProgressLine()
        defer { progress.end() }
        let saved = try Backup.save(config, to: target, now: SystemClock().now) { progress.tell($0, $1, $2) }
        progress.end()
        Terminal.say("Saved \(saved.files) files in \(saved.archive) (\(saved.bytes) bytes), read back and compared.")
    }
}

struct RestoreCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore",
        abstract: "Puts a backup back into a new data directory.",
        discussion: "The whole archive and its database are checked before anything is made. The directory must not exist or be empty.")
    @Argument(help: "Archive that 'comptoir backup' has made.") var archive: String
    @Option(help: "Data directory to make.") var data: String
    @Option(help: "URL of an empty PostgreSQL database, for an archive that was saved from one.") var database: String?

    func run() throws {
        let progress = ProgressLine()
        defer { progress.end() }
        let restored = try Backup.restore(archive, to: data, databaseURL: database) { progress.tell($0, $1, $2) }
        progress.end()
        Terminal.say("Restored \(restored.files) files to \(data). Start the server with: comptoir serve --data \(data)\(database == nil ? "" : " --database URL")")
    }
}
