import ServerKit
import Store
import Testing

@Suite struct ChangeHubTests {
    /// Time-outs so short that the timer ends while the wait begins: each must end all the same.
    @Test(.timeLimit(.minutes(15))) func everyWaitEnds() async {
        let hub = ChangeHub(position: 0, ephemeral: 0)
        _ = hub.prepare("@a:x", now: 0)
        hub.listen("@a:x", rooms: [])
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask { for _ in 0..<300 { await hub.wait("@a:x", since: hub.token, timeout: 1) } }
            }
        }
        #expect(hub.changes(for: "@a:x", since: hub.token).isNothing)
    }

    @Test func aChangeEndsTheWaitAndIsTold() async {
        let hub = ChangeHub(position: 0, ephemeral: 0)
        _ = hub.prepare("@a:x", now: 0)
        hub.listen("@a:x", rooms: ["!r:x"])
        let token = hub.token
        async let waiting: Void = hub.wait("@a:x", since: token, timeout: 30_000)
        hub.changed([.room("!r:x")])
        await waiting
        #expect(!hub.changes(for: "@a:x", since: token).isNothing)
    }

    /// Devices' keys and messages wake their user and name no room to look into.
    @Test func whatConcernsDevicesWakesTheUser() async {
        let hub = ChangeHub(position: 0, ephemeral: 0)
        #expect(hub.mayHear("@a:x", of: "!r:x"))   // who is not known may hear of everything
        _ = hub.prepare("@a:x", now: 0)
        hub.listen("@a:x", rooms: ["!r:x"])
        #expect(hub.mayHear("@a:x", of: "!r:x") && !hub.mayHear("@a:x", of: "!other:x"))
        let token = hub.token
        async let waiting: Void = hub.wait("@a:x", since: token, timeout: 30_000)
        hub.changed([.device("@a:x"), .device("@b:x")])
        await waiting
        guard case .keys(let keys) = hub.changes(for: "@a:x", since: token) else {
            Issue.record("nothing was told")
            return
        }
        #expect(keys == [.device("@a:x")])
    }

    @Test func aCancelledWaitEnds() async {
        let hub = ChangeHub(position: 0, ephemeral: 0)
        _ = hub.prepare("@a:x", now: 0)
        hub.listen("@a:x", rooms: [])
        let task = Task { await hub.wait("@a:x", since: hub.token, timeout: 30_000) }
        task.cancel()
        await task.value
        hub.close()
        await hub.wait("@a:x", since: hub.token, timeout: 30_000)
        #expect(hub.isClosed)
    }
}

extension ChangeHub.Since {
    fileprivate var isNothing: Bool { if case .nothing = self { true } else { false } }
}
