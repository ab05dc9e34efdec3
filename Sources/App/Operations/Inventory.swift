package import ServerKit
import Store

/// What this program consists of, for the command line and the tests.
package enum Inventory {
    /// All steps of the schema.
    static var migrations: [Migration] { Features().all.flatMap(\.migrations) }

    /// All routes, by path.
    package static func routes(_ config: Config) -> [Route] {
        var routes = Features().all.flatMap(\.routes)
        if let directory = StaticFiles.directory(config), let pages = try? StaticFiles(directory: directory) { routes += pages.routes() }   // pages that cannot be read: the doctor says why
        return routes.sorted { ($0.path, $0.method.rawValue) < ($1.path, $1.method.rawValue) }
    }
}

extension Auth {
    package var name: String {
        switch self {
        case .none: "none"
        case .optional: "optional"
        case .user: "user"
        case .guest: "guest"
        case .admin: "admin"
        }
    }
}
