import MatrixCore
import TestKit
import Testing

/// Patterns and filters against a plain reading of the specification, and against nonsense.
@Suite struct GlobPropertyTests {
    /// As the specification says it, in exponential time.
    private static func plain(_ pattern: ArraySlice<Character>, _ text: ArraySlice<Character>) -> Bool {
        guard let first = pattern.first else { return text.isEmpty }
        if first == "*" { return plain(pattern.dropFirst(), text) || !text.isEmpty && plain(pattern, text.dropFirst()) }
        guard let head = text.first else { return false }
        return (first == "?" || first == head) && plain(pattern.dropFirst(), text.dropFirst())
    }

    @Test(arguments: 0..<4) func matchesAsThePlainReadingDoes(part: Int) {
        var fuzz = Fuzz(seed: UInt64(part)), matches = 0
        for _ in 0..<4_000 {
            let pattern = fuzz.text(of: ["a", "b", "*", "?", "é", "😀"], max: 7), text = fuzz.text(of: ["a", "b", "é", "😀", "*"], max: 8)
            let expected = Self.plain(Array(pattern)[...], Array(text)[...])
            #expect(Glob(pattern).matches(text) == expected, "\(pattern) on \(text)")
            if expected { matches += 1 }
        }
        #expect(matches > 100)
    }

    @Test func noPatternTakesExponentialTime() {
        #expect(!Glob(String(repeating: "*a", count: 200) + "b").matches(String(repeating: "a", count: 5_000)))
    }

    @Test(arguments: 0..<4) func filtersOfNonsenseAreRefusedOrRead(part: Int) throws {
        let seeds = [
            #"{"room":{"timeline":{"limit":10,"types":["m.*"],"not_senders":["@a:b"],"contains_url":true},"rooms":["!a:b"],"include_leave":true},"event_fields":["type","content.body"],"event_format":"client"}"#,
            #"{"presence":{"types":[]},"account_data":{"limit":1},"room":{"state":{"lazy_load_members":true,"unread_thread_notifications":true},"ephemeral":{"rooms":[]}}}"#,
        ]
        var fuzz = Fuzz(seed: UInt64(part), tokens: ["[]", "{}", "null", "-1", "\"x\"", "true", "1e3", ","]), read = 0, refused = 0
        for _ in 0..<4_000 {
            guard let json = try? JSON.parse(fuzz.broken(seeds.map { Array($0.utf8) })) else { continue }
            do throws(FilterError) {
                let filter = try RoomEventFilter(json["room"]?["timeline"] ?? json)
                _ = filter.matches(type: "m.room.message", sender: "@a:b", roomID: "!a:b", containsURL: true)
                _ = try Filter(json)
                read += 1
            } catch { refused += 1 }
        }
        #expect(read > 20 && refused > 20)
    }
}
