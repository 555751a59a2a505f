/** Pure. The straight line of least squares through some points, and how sure its slope is. */
export const fitLine = (points: readonly { x: number; y: number }[]) => {
  const count = points.length
  const meanX = points.reduce((sum, { x }) => sum + x, 0) / count
  const meanY = points.reduce((sum, { y }) => sum + y, 0) / count
  const spread = points.reduce((sum, { x }) => sum + (x - meanX) ** 2, 0)
  const slope = points.reduce((sum, { x, y }) => sum + (x - meanX) * (y - meanY), 0) / spread
  const residual = points.reduce((sum, { x, y }) => sum + (y - meanY - slope * (x - meanX)) ** 2, 0)
  return {
    slope,
    slopeError: Math.sqrt(residual / Math.max(1, count - 2) / spread),
    at: (x: number) => meanY + slope * (x - meanX),
  }
}
