package import MatrixCore
package import Store

// Checked identifiers bind straight into SQL.
extension UserID: @retroactive Bindable {}
extension RoomID: @retroactive Bindable {}
extension EventID: @retroactive Bindable {}
extension RoomAlias: @retroactive Bindable {}
extension DeviceID: @retroactive Bindable {}
