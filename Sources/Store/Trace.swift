/// The request for which work is done, where the log follows each one (`log_level = debug`); nil otherwise. It goes along into write transactions.
package enum Trace {
    @TaskLocal package static var id: String?
}
