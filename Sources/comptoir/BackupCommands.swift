import App
import ArgumentParser
import ServerKit

struct BackupCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup",
        abstract: "Saves database, media and keys in one file, while the server runs.",
        discussion: """
            The file is a tar archive that only its owner may read: it holds the server's keys. It is read back and compared before it gets \
            its name. A PostgreSQL database is saved by pg_dump. With --incremental, media is copied only once into the directory's media folder, \
            which all archives of the directory share: copy the whole directory away.
            """)
    @OptionGroup var place: PlaceOptions
    @Argument(help: "File to make, or a directory in which one is made.") var target: String
    @Flag(help: "Copy only media that the directory does not hold yet.") var incremental = false
    @Option(help: "With --incremental: keep so many archives of this server, and remove older ones and the media that only they need.") var keep: Int?

    func validate() throws {
        if let keep, keep < 1 || !incremental { throw ValidationError(incremental ? "--keep must be at least 1." : "--keep goes with --incremental.") }
    }

    func run() throws {
        let config = try place.load(), progress = ProgressLine()
        defer { progress.end() }
        let saved = try Backup.save(config, to: target, incremental: incremental, keep: keep, now: SystemClock().now) { progress.tell($0, $1, $2) }
        progress.end()
        Terminal.say("Saved \(saved.files) files in \(saved.archive) (\(saved.bytes) bytes), read back and compared."
            + (incremental ? " \(saved.newMedia) media files were new." : ""))
        if saved.removed.archives > 0 { Terminal.say("Removed \(saved.removed.archives) old archives and \(saved.removed.media) media files that only they needed.") }
    }
}

struct RestoreCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore",
        abstract: "Puts a backup back into a new data directory.",
        discussion: "The whole archive, its media and its database are checked before anything is made. The directory must not exist or be empty.")
    @Argument(help: "Archive that 'comptoir backup' has made.") var archive: String
    @Option(help: "Data directory to make.") var data: String?
    @Option(help: "URL of an empty PostgreSQL database, for an archive that was saved from one.") var database: String?
    @Option(help: "Media folder of an incremental backup; the one beside the archive when it is left out.") var mediaStore: String?
    @Flag(help: "Check the archive and its media, and make nothing.") var check = false

    func validate() throws {
        if check == (data != nil) { throw ValidationError("Give --data DIR to restore, or --check to look at the archive alone.") }
    }

    func run() throws {
        let progress = ProgressLine()
        defer { progress.end() }
        guard let data else {
            let sound = try Backup.check(archive, mediaStore: mediaStore) { progress.tell($0, $1, $2) }
            progress.end()
            Terminal.say("\(archive) is whole: \(sound.files) files, \(sound.bytes) bytes.")
            return
        }
        let restored = try Backup.restore(archive, to: data, databaseURL: database, mediaStore: mediaStore) { progress.tell($0, $1, $2) }
        progress.end()
        Terminal.say("Restored \(restored.files) files to \(data). Start the server with: comptoir serve --data \(data)\(database == nil ? "" : " --database URL")")
    }
}
