package import MatrixCore
package import Store

// Checked identifiers bind straight into SQL.
extension MatrixID {
    package var databaseValue: DatabaseValue { .text(rawValue) }
}
extension UserID: Bindable {}
extension RoomID: Bindable {}
extension EventID: Bindable {}
extension RoomAlias: Bindable {}
extension DeviceID: Bindable {}
