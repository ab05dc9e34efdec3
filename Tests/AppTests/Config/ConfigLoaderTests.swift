@testable import App
import Glibc
import ServerKit
import TestKit
import Testing

@Suite struct ConfigLoaderTests {
    /// Loads a file with this text.
    private func load(_ text: String?, _ environment: [String: String] = [:], _ flags: [(key: String, value: String)] = []) throws -> Config {
        guard let text else { return try ConfigLoader.load(file: nil, environment: environment, flags: flags) }
        let directory = try temporaryDirectory()
        defer { removeDirectory(directory) }
        try put(text, directory + "/c.conf")
        return try ConfigLoader.load(file: directory + "/c.conf", environment: environment, flags: flags)
    }
    private func error(_ text: String?, _ environment: [String: String] = [:], _ flags: [(key: String, value: String)] = []) -> ConfigError? {
        do { _ = try load(text, environment, flags); return nil } catch { return error as? ConfigError }
    }

    @Test func readsEveryKindOfValue() throws {
        let config = try load("""
            # a comment
              server_name = shop.example:8448
            listen = [::1]:9000\r
            data="/var/lib/with space"

            max_upload = 5M
            appservices = a.yaml, b.yaml
            trusted_proxies = 127.0.0.1,::1
            open_registration = yes
            public_rooms_without_auth = false
            public_url = https://chat.shop.example/
            database = postgresql://u:p=#@h/d
            default_room_version = 11
            registration_secret = =a=b=
            """)
        #expect(config.serverName == "shop.example:8448")
        #expect(config.listenHost == "::1" && config.listenPort == 9000)
        #expect(config.dataDirectory == "/var/lib/with space")
        #expect(config.maxUploadBytes == 5 << 20)
        #expect(config.appservices == ["a.yaml", "b.yaml"])
        #expect(config.trustedProxies == ["127.0.0.1", "::1"])
        #expect(config.openRegistration && !config.publicRoomsWithoutAuth)
        #expect(config.publicURL == "https://chat.shop.example")
        #expect(config.databaseURL == "postgresql://u:p=#@h/d")
        #expect(config.defaultRoomVersion == "11")
        #expect(config.registrationSecret == "=a=b=")
    }

    @Test func flagsWinOverTheEnvironmentAndThatOverTheFile() throws {
        let text = "server_name = file.example\nlog_level = debug\ndata = here\n"
        let config = try load(text, ["COMPTOIR_SERVER_NAME": "env.example", "COMPTOIR_LOG_LEVEL": "error", "COMPTOIR_TEST_ELSE": "x"], [("server_name", "flag.example")])
        #expect(config.serverName == "flag.example")
        #expect(config.logLevel == "error")
        #expect(config.dataDirectory == "here")
        #expect(try load("log_level = debug\n", ["COMPTOIR_LOG_LEVEL": ""]).logLevel == "info")
    }

    @Test func theEnvironmentMayNameTheFile() throws {
        let directory = try temporaryDirectory()
        defer { removeDirectory(directory) }
        try put("server_name = named.example\n", directory + "/c.conf")
        #expect(try ConfigLoader.load(file: nil, environment: ["COMPTOIR_CONFIG": directory + "/c.conf"]).serverName == "named.example")
    }

    @Test func refusesAnUnknownKeyAndSaysWhichIsMeant() throws {
        guard case .unknown("server_nam", let source, "server_name") = error("\nserver_nam = x\n") else { Issue.record("no suggestion"); return }
        #expect(source.hasSuffix("line 2"))
        guard case .unknown(_, _, nil) = error("zebra = x\n") else { Issue.record("a suggestion for nothing like it"); return }
        #expect(error(nil, [:], [("open_registratoin", "true")])?.description.contains("open_registration") == true)
    }

    @Test(arguments: [
        "server_name", "= x", "server name = x", "Server_Name = x", "server_name: x", "server_name = a\nserver_name = b",
    ])
    func refusesWhatIsNoSetting(text: String) { #expect(error(text) != nil) }

    @Test(arguments: [
        ("server_name", "http://x"), ("server_name", "a b"), ("server_name", "-"), ("listen", "8008"), ("listen", "h:99999"), ("listen", "::1:80"), ("listen", ":80"),
        ("database", "mysql://x"), ("public_url", "chat.example"), ("public_url", "https://x/path"), ("open_registration", "maybe"),
        ("max_upload", "0"), ("max_upload", "-1"), ("max_upload", "many"), ("max_upload", "99999999999G"), ("default_room_version", "99"),
        ("log_level", "loud"), ("trusted_proxies", "proxy.example"),
    ])
    func refusesAValueThatDoesNotFit(key: String, value: String) {
        guard case .badValue(key, _, _) = error("\(key) = \(value)\n") else { Issue.record("accepted \(value)"); return }
        guard case .badValue(key, let source, _) = error(nil, [:], [(key, value)]) else { Issue.record("accepted \(value) as a flag"); return }
        #expect(source.hasPrefix("--"))
    }

    @Test func anErrorNeverRepeatsASecret() {
        let text = error("database = mysql://me:hunter2@host/d\n")?.description ?? ""
        #expect(!text.isEmpty && !text.contains("hunter2"))
    }

    @Test func aMissingFileIsAnError() {
        guard case .unreadable = (try? ConfigLoader.load(file: "/nonexistent/x.conf", environment: [:])).map({ _ in nil as ConfigError? }) ?? failure("/nonexistent/x.conf") else {
            Issue.record("a missing file was accepted"); return
        }
    }
    private func failure(_ file: String) -> ConfigError? {
        do { _ = try ConfigLoader.load(file: file, environment: [:]); return nil } catch { return error }
    }

    // MARK: the example file

    private static let root = #filePath.split(separator: "/").dropLast(4).reduce("") { $0 + "/" + $1 }
    private func source(_ path: String) throws -> String { String(decoding: try Files.read(Self.root + "/" + path, max: 1 << 20), as: UTF8.self) }

    @Test func theExampleFileIsWhatTheCommandPrints() throws {
        #expect(try source("deploy/comptoir.conf.example") == Setting.exampleFile)
    }

    @Test func theExampleFileIsAcceptedWithEveryCommentTakenAway() throws {
        let lines = Setting.exampleFile.split(separator: "\n").map { line in
            line.hasPrefix("#") && !line.hasPrefix("# ") && line.contains(" =") ? String(line.dropFirst()) : String(line)
        }
        #expect(try load(lines.joined(separator: "\n")).serverName == "chat.example.org")
    }

    /// What the file says of a setting is what the struct says of the field; no field is forgotten.
    @Test func theTextsAreThoseOfTheStruct() throws {
        var comment: String?, found: [String: String] = [:], order: [String] = []
        for line in try source("Sources/ServerKit/Runtime/Config.swift").split(separator: "\n").map({ $0.drop { $0 == " " } }) {
            if line.hasPrefix("package struct DemoSignIn") { break }
            if line.hasPrefix("/// ") { comment = (comment.map { $0 + " " } ?? "") + line.dropFirst(4) }
            else if line.hasPrefix("package var ") {
                let field = String(line.dropFirst(12).prefix { $0 != " " && $0 != ":" })
                found[field] = comment
                order.append(field)
                comment = nil
            } else { comment = nil }
        }
        for setting in Setting.all { #expect(found[setting.field] == setting.text, "\(setting.field)") }
        let unsettable: Set<String> = ["listenPort", "demoSignIns", "startInbox"]
        #expect(order.filter { !unsettable.contains($0) } == Setting.all.map(\.field))
    }
}

func put(_ text: String, _ path: String) throws { try put(Array(text.utf8), path) }
func put(_ bytes: [UInt8], _ path: String) throws {
    try Files.makeDirectory(Files.parent(of: path))
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    try #require(descriptor >= 0)
    #expect(write(descriptor, bytes, bytes.count) == bytes.count)
    close(descriptor)
}
