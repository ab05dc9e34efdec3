package import MatrixCore
import Glibc

/// What an operator has written about an application service. Spec: https://spec.matrix.org/latest/application-service-api/#registration
package struct Registration: Sendable {
    package struct Namespace: Sendable {
        package var pattern: Pattern
        package var isExclusive: Bool
    }
    package var id: String
    /// Without a slash at its end; nil for a service that is never called.
    package var url: String?
    /// Shown by the service to this server.
    package var asToken: String
    /// Shown by this server to the service.
    package var hsToken: String
    package var sender: String
    package var users: [Namespace]
    package var rooms: [Namespace]
    package var aliases: [Namespace]
    package var isRateLimited: Bool
    package var protocols: [String]
    /// It wants receipts, typing notices and presence.
    package var receivesEphemeral: Bool
    /// It takes the messages to its users' devices itself, and is told of device lists and keys (MSC3202, MSC4203).
    package var takesDeviceMessages: Bool
}

/// Why a registration file cannot be used. No token is ever part of the text.
package struct RegistrationError: Error, CustomStringConvertible, Equatable {
    package let file: String
    package let reason: String
    package var description: String { "The application service registration \(file) cannot be used: \(reason)." }
}

extension Registration {
    static let maxFileBytes = 1 << 20

    /// Reads the files and checks that they fit together.
    package static func load(files: [String]) throws(RegistrationError) -> [Registration] {
        var found: [Registration] = []
        var origin: [(what: String, value: String, file: String)] = []
        for file in files {
            let registration = try parse(try read(file), file: file)
            for (what, value) in [("id", registration.id), ("as_token", registration.asToken), ("sender_localpart", registration.sender)] {
                if let other = origin.first(where: { $0.what == what && $0.value == value }) {
                    throw RegistrationError(file: file, reason: "its \(what) is that of \(other.file) as well")
                }
                origin.append((what, value, file))
            }
            found.append(registration)
        }
        guard found.count <= 64 else { throw RegistrationError(file: files[64], reason: "this server has at most 64 application services") }
        return found
    }

    package static func parse(_ bytes: [UInt8], file: String) throws(RegistrationError) -> Registration {
        func fail(_ reason: String) -> RegistrationError { RegistrationError(file: file, reason: reason) }
        let document: JSON
        do { document = try YAML.parse(bytes) } catch { throw fail("\(error)") }
        guard let map = document.objectValue else { throw fail("it must be a mapping with id, url, as_token, hs_token, sender_localpart and namespaces") }

        func text(_ key: String) throws(RegistrationError) -> String {
            guard let value = map[key] else { throw fail("'\(key)' is missing") }
            guard let text = value.stringValue else { throw fail("'\(key)' must be a text; put it in quotes") }
            guard !text.isEmpty, text.utf8.count <= 1024, !text.utf8.contains(0) else { throw fail("'\(key)' must have 1 to 1024 bytes") }
            return text
        }
        func flag(_ key: String, default fallback: Bool) throws(RegistrationError) -> Bool {
            guard let value = map[key], !value.isNull else { return fallback }
            guard let flag = value.boolValue else { throw fail("'\(key)' must be true or false") }
            return flag
        }
        let sender = try text("sender_localpart")
        // Bridges take names with capitals here, which people cannot have any more.
        guard UserID(localpart: sender, server: "server")?.localpart == sender, !sender.contains(where: { $0 == " " || $0 == ":" }) else {
            throw fail("'sender_localpart' has characters that a user name cannot have")
        }
        guard let url = map["url"] else { throw fail("'url' is missing; it may be null") }
        let id = try text("id"), asToken = try text("as_token"), hsToken = try text("hs_token")
        let namespaces: JSONObject
        switch map["namespaces"] {
        case .object(let object): namespaces = object
        case nil: throw fail("'namespaces' is missing")
        default: throw fail("'namespaces' must be a mapping")
        }
        let isEphemeral = try flag("receive_ephemeral", default: false), isEphemeralOld = try flag("de.sorunome.msc2409.push_ephemeral", default: false)
        return Registration(
            id: id, url: try address(url, fail), asToken: asToken, hsToken: hsToken, sender: sender,
            users: try list(namespaces, "users", fail), rooms: try list(namespaces, "rooms", fail), aliases: try list(namespaces, "aliases", fail),
            isRateLimited: try flag("rate_limited", default: true), protocols: try protocols(map["protocols"], fail),
            receivesEphemeral: isEphemeral || isEphemeralOld, takesDeviceMessages: try flag("org.matrix.msc3202", default: false))
    }

    private static func address(_ value: JSON, _ fail: (String) -> RegistrationError) throws(RegistrationError) -> String? {
        if value.isNull { return nil }
        guard var text = value.stringValue else { throw fail("'url' must be a text or null") }
        if text.isEmpty { return nil }
        while text.hasSuffix("/") { text.removeLast() }
        guard text.hasPrefix("http://") || text.hasPrefix("https://"), text.utf8.count <= 2048, !text.contains(" ") else {
            throw fail("'url' must begin with http:// or https://")
        }
        return text
    }

    private static func list(_ namespaces: JSONObject, _ key: String, _ fail: (String) -> RegistrationError) throws(RegistrationError) -> [Namespace] {
        guard let value = namespaces[key], !value.isNull else { return [] }
        guard let entries = value.arrayValue, entries.count <= 1000 else { throw fail("'namespaces.\(key)' must be a list") }
        var found: [Namespace] = []
        for entry in entries {
            guard let regex = entry["regex"]?.stringValue else { throw fail("an entry of 'namespaces.\(key)' has no 'regex'") }
            guard let isExclusive = entry["exclusive"]?.boolValue else { throw fail("'exclusive' of '\(regex)' in 'namespaces.\(key)' must be true or false") }
            do throws(Pattern.Failure) {
                found.append(Namespace(pattern: try Pattern(regex), isExclusive: isExclusive))
            } catch {
                throw fail("the regular expression '\(regex)' in 'namespaces.\(key)' is not understood: \(error)")
            }
        }
        return found
    }

    private static func protocols(_ value: JSON?, _ fail: (String) -> RegistrationError) throws(RegistrationError) -> [String] {
        guard let value, !value.isNull else { return [] }
        guard let list = value.arrayValue, list.allSatisfy({ $0.stringValue != nil }) else { throw fail("'protocols' must be a list of texts") }
        return list.compactMap(\.stringValue)
    }

    private static func read(_ file: String) throws(RegistrationError) -> [UInt8] {
        func fail() -> RegistrationError { RegistrationError(file: file, reason: "it cannot be read (\(String(cString: strerror(errno))))") }
        let descriptor = open(file, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw fail() }
        defer { close(descriptor) }
        var bytes: [UInt8] = [], buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count < 0 { throw fail() }
            if count == 0 { return bytes }
            bytes += buffer[..<count]
            guard bytes.count <= maxFileBytes else { throw RegistrationError(file: file, reason: "it is larger than \(maxFileBytes) bytes") }
        }
    }
}
