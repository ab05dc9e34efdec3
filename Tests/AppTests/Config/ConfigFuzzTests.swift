@testable import App
import ServerKit
import TestKit
import Testing

/// Settings files with mistakes: each is read or refused with the file and, where it is a line's fault, the line.
@Suite struct ConfigFuzzTests {
    @Test(arguments: 0..<3) func filesAreReadOrRefusedWithTheirPlace(part: Int) throws {
        let directory = try temporaryDirectory(), path = directory + "/comptoir.conf"
        defer { removeDirectory(directory) }
        let seed = "# shop\nserver_name = shop.example\nlisten = 127.0.0.1:8008\nmax_upload = 50M\nlog_level = info\ntrusted_proxies = 127.0.0.1, ::1\ndefault_room_version = 12\nopen_registration = false\n"
        var fuzz = Fuzz(seed: UInt64(part), tokens: ["=", "\n", "\r\n", "\"", "#", "true", "-1", "99999999999999999999", ":", "[::1]", "database = ", "postgresql://a:b@c/d\n"]), read = 0, refused = 0
        for _ in 0..<1_500 {
            let bytes = fuzz.broken([Array(seed.utf8)])
            try put(bytes, path)
            do throws(ConfigError) {
                _ = try ConfigLoader.load(file: path, environment: [:])
                read += 1
            } catch {
                #expect(error.description.contains(path), "\(error)")
                refused += 1
            }
        }
        #expect(read > 50 && refused > 50)
    }
}
