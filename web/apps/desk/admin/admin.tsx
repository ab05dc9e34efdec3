export function AdminPane() {
  return <main class="conversation" />;
}
