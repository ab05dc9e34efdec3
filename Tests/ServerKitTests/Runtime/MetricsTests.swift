@testable import ServerKit
import Testing

@Suite struct MetricsTests {
    @Test func namesSayWhatTheyAre() {
        for metric in Metric.allCases {
            #expect(metric.rawValue.hasPrefix("comptoir_") || metric.rawValue.hasPrefix("process_"))
            #expect(metric.isGauge != metric.rawValue.hasSuffix("_total"))
            #expect(!metric.help.isEmpty)
        }
        let metrics = Metrics()
        metrics.add(.uploads)
        metrics.add(.uploads, 2)
        metrics.set(.position, 7)
        let text = metrics.prometheus
        #expect(text.contains("# TYPE comptoir_media_uploads_total counter\ncomptoir_media_uploads_total 3\n"))
        #expect(text.contains("# TYPE comptoir_position gauge\ncomptoir_position 7\n"))
    }

    @Test func timesFallIntoTheirBuckets() {
        let histogram = Histogram()
        for microseconds in [0, 1000, 1001, 50_000, 9_000_000, 60_000_000] as [Int64] { histogram.observe(microseconds: microseconds) }
        let lines = histogram.prometheus("x", "y").split(separator: "\n").map(String.init)
        for (bound, count) in [("0.001", 2), ("0.0025", 3), ("0.025", 3), ("0.05", 4), ("5.0", 4), ("10.0", 5), ("+Inf", 6)] {
            #expect(lines.contains("x_bucket{le=\"\(bound)\"} \(count)"), "\(bound)")
        }
        #expect(lines.contains("x_count 6") && lines.contains("x_sum 69.052001"))
    }
}
