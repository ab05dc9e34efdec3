import App
import ArgumentParser

/// The one executable.
@main struct Comptoir: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "comptoir",
        abstract: "A self-hosted messaging platform for customer experience: a Matrix homeserver with a customer-service desk in it.",
        version: System.version,
        subcommands: [
            Serve.self, Demo.self, UserCommand.self, BackupCommand.self, RestoreCommand.self, CopyCommand.self, DoctorCommand.self, ConfigCommand.self, RoutesCommand.self,
        ])
}
