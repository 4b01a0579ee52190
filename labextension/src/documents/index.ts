export { openComparison } from './comparison';
export { openExecution } from './execution';
export { openRunDocument } from './run';
