import '../style';

export { openComparison } from './comparison';
export { openEndpointDocument } from './endpoint';
export { openExecution, showExecution } from './execution';
export { openLineageDocument } from './lineage';
export { openModelDocument } from './model';
export { openModuleDocument } from './module';
export { openRunDocument } from './run';
export { openSweepForm } from './sweep-form';
export { openSweepDocument } from './sweep';
