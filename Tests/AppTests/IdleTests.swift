@testable import App
import Desk
import ServerKit
import Store
import TestKit
import Testing

@Suite struct IdleTests {
    /// Jobs run several times a second: on a server where nothing happens they must cost no look into the database.
    @Test func jobsOfAnIdleServerLeaveTheDatabaseAlone() async throws {
        let features = Features(), app = try await TestApp(features.all, ports: features.ports)
        _ = try await features.desk.seedDemo(app.context)
        let often = features.all.flatMap(\.jobs).filter { $0.every < 60_000 }
        #expect(often.count > 5)
        func counts() -> [Int64] { [app.context.db.statistics.reads, app.context.db.statistics.commits] }
        // What is to be done is done first.
        for _ in 0..<5 {
            for job in often { try await job.run(app.context) }
            app.clock.advance(100_000)
        }
        for job in often {
            let before = counts()
            for _ in 0..<3 {
                try await job.run(app.context)
                app.clock.advance(job.every)
            }
            #expect(counts() == before, "\(job.name)")
        }
    }
}
