import Glibc
import Synchronization

/// Time zones by name, from the system's database. Each is read once; a change of the database is seen at the next start.
enum Zones {
    private static let known = Mutex<[String: ZoneFile]>(["UTC": .utc])
    static let folder = "/usr/share/zoneinfo/"

    static func named(_ name: String) -> ZoneFile? {
        if let zone = known.withLock({ $0[name] }) { return zone }
        guard let bytes = bytes(name), let zone = ZoneFile(bytes) else { return nil }
        known.withLock { $0[name] = zone }
        return zone
    }
    /// A name has no way out of the folder.
    static func bytes(_ name: String) -> [UInt8]? {
        let parts = name.split(separator: "/", omittingEmptySubsequences: false)
        guard name.utf8.count <= 60, (1...3).contains(parts.count), parts.allSatisfy({ part in
            part.first?.isLetter == true && part.utf8.allSatisfy { $0 >= 65 && $0 <= 90 || $0 >= 97 && $0 <= 122 || $0 >= 48 && $0 <= 57 || "_+-".utf8.contains($0) }
        }) else { return nil }
        guard let file = fopen(folder + name, "rb") else { return nil }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 64 << 10)
        let count = fread(&bytes, 1, bytes.count, file)
        return count > 0 && count < bytes.count ? Array(bytes[..<count]) : nil
    }
}
