export { CellsSection } from './cells';
export { RunsSection } from './runs';
