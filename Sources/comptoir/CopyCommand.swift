import App
import ArgumentParser
import Logging
import ServerKit
import Store

struct CopyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "copy",
        abstract: "Copies the database of a stopped server to PostgreSQL, or from PostgreSQL to the embedded database.",
        discussion: """
            Everything goes over: accounts, sessions, rooms, positions, what waits to be sent. Clients stay signed in and go on where they were. \
            The target must be empty; it is compared with the source, row by row, before it counts. Media and keys stay in the data directory. \
            Afterwards start the server with the other database. A password can be given by PGPASSWORD or ~/.pgpass instead of in the URL.
            """)
    @OptionGroup var place: PlaceOptions
    @Option(help: "Where to: 'sqlite' (the data directory's embedded database), or the URL of an empty PostgreSQL database.") var to: String

    func run() throws {
        let config = try place.load(), progress = ProgressLine()
        defer { progress.end() }
        try becomeOwner(of: config.dataDirectory)
        var log = Logger(label: "comptoir") { StreamLogHandler.standardError(label: $0) }
        log.logLevel = .warning
        let moved = try DatabaseMove.run(config, to: to, now: SystemClock().now, log: log) { progress.tell($0, Int($1), Int($2)) }
        progress.end()
        Terminal.say("Copied \(moved.copied.rows) rows of \(moved.copied.tables) tables, compared, up to position \(moved.copied.position).")
        if let left = moved.left {
            Terminal.say("Start the server with this PostgreSQL database now (setting 'database'). The old database is kept as \(left); remove it when all is well.")
        } else {
            Terminal.say("Start the server without the setting 'database' now. The PostgreSQL database was left as it is; drop it when all is well.")
        }
    }
}
