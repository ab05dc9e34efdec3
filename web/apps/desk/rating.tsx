/** What a customer has said, at a glance. */
import { rp } from "../../models/desk/report-strings.ts";
import type { Rating } from "../../models/desk/types.ts";

export function RatingMark({ rating }: { rating: Rating }) {
  const { score, max, scale } = rating;
  return (
    <span
      class="stars"
      role="img"
      aria-label={() => `${rp().rating}: ${rp().ratingOf(score, max)}`}
      title={() => rp().ratingOf(score, max)}
    >
      {scale === "nps" ? `${score}/${max}` : "★".repeat(score) + "☆".repeat(Math.max(0, max - score))}
    </span>
  );
}
