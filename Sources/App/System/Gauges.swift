import Glibc
import MatrixCore
import ServerKit
import Store

/// What is not counted as it happens but looked up when the metrics are asked for.
enum Gauges {
    static func fill(_ c: Context) async {
        let metrics = c.metrics, statistics = c.db.statistics
        metrics.set(.position, c.db.position)
        metrics.set(.databaseCommits, statistics.commits)
        metrics.set(.databaseWrites, statistics.writes)
        metrics.set(.databaseFailedWrites, statistics.failedWrites)
        metrics.set(.databaseReads, statistics.reads)
        metrics.set(.databaseWaitingWrites, Int64(statistics.waitingWrites))
        metrics.set(.databaseWaitingReads, Int64(statistics.waitingReads))
        if let outbox = try? await c.db.read({ try DurableQueue.outbox.counts($0) }) {   // the old figures stay; the database's own errors are counted
            metrics.set(.outboxWaiting, Int64(outbox.waiting))
            metrics.set(.outboxFailed, Int64(outbox.failed))
        }
        if let free = Files.freeBytes(c.config.dataDirectory) { metrics.set(.diskFree, free) }
        if let last = Backup.last(c.config) { metrics.set(.lastBackup, last / 1000) }
        process(metrics)
    }

    /// From /proc: https://man7.org/linux/man-pages/man5/proc.5.html
    private static func process(_ metrics: Metrics) {
        func fields(_ path: String) -> [Substring] {
            guard let bytes = try? Files.read(path, max: 1 << 16) else { return [] }   // no /proc, no figures
            let text = String(decoding: bytes, as: UTF8.self)
            return (text.lastIndex(of: ")").map { text[text.index(after: $0)...] } ?? text[...]).split(whereSeparator: \.isWhitespace)
        }
        let tick = Int64(sysconf(Int32(_SC_CLK_TCK))), page = Int64(sysconf(Int32(_SC_PAGESIZE)))
        let stat = fields("/proc/self/stat")
        if stat.count > 21, let user = Int64(stat[11]), let system = Int64(stat[12]), let begun = Int64(stat[19]), let pages = Int64(stat[21]) {
            metrics.set(.processorTime, (user + system) / tick)
            metrics.set(.residentMemory, pages * page)
            let boot = fields("/proc/stat")
            if let index = boot.firstIndex(of: "btime"), index + 1 < boot.count, let seconds = Int64(boot[index + 1]) { metrics.set(.started, seconds + begun / tick) }
        }
        if let open = try? Files.list("/proc/self/fd").count { metrics.set(.openFiles, Int64(open)) }   // no /proc, no figures
        var limit = rlimit()
        if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 { metrics.set(.mostFiles, Int64(clamping: limit.rlim_cur)) }
    }
}
