import Accounts
import App
import ArgumentParser
import Logging
import MatrixCore
import ServerKit

struct UserCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "user",
        abstract: "Makes and manages accounts.",
        discussion: "A running server takes notice within a minute. NAME is 'alice' or '@alice:example.org'.",
        subcommands: [Create.self, Password.self, Admin.self, List.self, Deactivate.self, Token.self])

    /// Opens the server's database and features without listening.
    static func with<Result>(_ place: PlaceOptions, _ body: (Context) async throws -> Result) async throws -> Result {
        let config = try place.load()
        guard config.databaseURL != nil || Files.exists(config.dataDirectory + "/comptoir.db") else {
            throw CommandFailure("There is no server in '\(config.dataDirectory)' yet. Name its data directory with --data; the first 'comptoir serve' makes it.")
        }
        var log = Logger(label: "comptoir") { StreamLogHandler.standardError(label: $0) }
        log.logLevel = .warning
        try becomeOwner(of: config.dataDirectory)
        let server = try await Server.openBeside(config, log: log)
        do {
            let result = try await body(server.context)
            await server.stop()
            return result
        } catch let error as MatrixError {
            await server.stop()
            throw CommandFailure(error.message)
        } catch {
            await server.stop()
            throw error
        }
    }

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Makes an account. The password is asked for, or read from standard input.")
        @OptionGroup var place: PlaceOptions
        @Argument(help: "The part of the user id before the colon.") var name: String
        @Option(help: "Name that others see.") var displayName: String?
        @Flag(help: "Make it a server administrator.") var admin = false

        func run() async throws {
            let password = try Terminal.newPassword()
            let user = try await UserCommand.with(place) {
                try await AccountAdmin.create($0, localpart: name, password: password, displayName: displayName, isAdmin: admin)
            }
            Terminal.say("Made \(user)\(admin ? ", a server administrator" : "").")
        }
    }

    struct Password: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Sets a new password and ends all sessions.")
        @OptionGroup var place: PlaceOptions
        @Argument(help: "Whose password.") var name: String
        @Flag(help: "Leave the sessions signed in.") var keepSessions = false

        func run() async throws {
            let password = try Terminal.newPassword()
            try await UserCommand.with(place) { try await AccountAdmin.resetPassword($0, user: name, password: password, keepSessions: keepSessions) }
            Terminal.say("The password of \(name) is changed\(keepSessions ? "" : "; all sessions have ended").")
        }
    }

    struct Admin: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Makes an account a server administrator, or no longer.")
        @OptionGroup var place: PlaceOptions
        @Argument(help: "Which account.") var name: String
        @Flag(help: "Take the right away.") var revoke = false

        func run() async throws {
            try await UserCommand.with(place) { try await AccountAdmin.setAdmin($0, user: name, !revoke) }
            Terminal.say("\(name) is \(revoke ? "no longer" : "now") a server administrator.")
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Lists all accounts.")
        @OptionGroup var place: PlaceOptions
        @Flag(help: "Print JSON.") var json = false

        func run() async throws {
            let accounts = try await UserCommand.with(place) { try await AccountAdmin.list($0) }
            if json {
                let list = accounts.map { account in
                    ["user_id": .string(account.id.rawValue), "kind": .string(account.kind.rawValue), "display_name": account.displayName.map { .string($0) } ?? .null,
                     "admin": .bool(account.isAdmin), "created_at": .int(account.created), "deactivated": .bool(account.isDeactivated), "devices": .int(Int64(account.devices))] as JSON
                }
                Terminal.say(String(decoding: JSON.array(list).encoded(), as: UTF8.self))
                return
            }
            for account in accounts {
                var notes = [account.kind.rawValue]
                if account.isAdmin { notes.append("administrator") }
                if account.isDeactivated { notes.append("deactivated") }
                notes.append("\(account.devices) session\(account.devices == 1 ? "" : "s")")
                Terminal.say("\(account.id)".padded(to: 40) + (account.displayName ?? "").padded(to: 24) + notes.joined(separator: ", "))
            }
        }
    }

    struct Deactivate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Ends an account for good: it leaves its rooms and can never sign in again.")
        @OptionGroup var place: PlaceOptions
        @Argument(help: "Which account.") var name: String
        @Flag(help: "Erase what the person has written, as the law may ask.") var erase = false
        @Flag(help: "Do not ask.") var yes = false

        func run() async throws {
            if !yes { try Terminal.confirm("Deactivate \(name)\(erase ? " and erase what it has written" : "")? This cannot be undone.") }
            try await UserCommand.with(place) { try await AccountAdmin.deactivate($0, user: name, erase: erase) }
            Terminal.say("\(name) is deactivated.")
        }
    }

    struct Token: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Makes a token with which somebody can register.")
        @OptionGroup var place: PlaceOptions
        @Option(help: "Text of the token; made at random when it is left out.") var text: String?
        @Option(help: "How many accounts it is good for; any number when it is left out.") var uses: Int64?
        @Option(help: "For how many days; for ever when it is left out.") var days: Int64?

        func validate() throws {
            if let days, !(1...36_500).contains(days) { throw ValidationError("--days must be from 1 to 36500.") }
        }
        func run() async throws {
            let token = try await UserCommand.with(place) {
                try await AccountAdmin.makeRegistrationToken($0, token: text, uses: uses, validFor: days.map { $0 * 86_400_000 })
            }
            Terminal.say(token)
        }
    }
}
